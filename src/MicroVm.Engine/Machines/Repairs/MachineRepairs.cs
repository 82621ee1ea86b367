using MicroVm.Engine.Errors;
using MicroVm.Engine.State;
using MicroVm.Engine.Vmm;

namespace MicroVm.Engine.Machines.Repairs;

/// <summary>VMs whose record does not say what is, and VMs without one.</summary>
internal static class MachineRepairs
{
    private const string Operation = "Repair-MicroVmHost";

    /// <summary>What is found.</summary>
    public static IEnumerable<RepairAction> Find(EngineContext context)
    {
        foreach (Guid id in context.Machines.Ids())
        {
            string directory = context.Machines.DirectoryOf(id);
            if (MachineLock.IsHeld(directory))
            {
                continue;
            }

            MachineRecord? record = null;
            MicroVmException? damage = null;
            try
            {
                record = context.Machines.Read(id);
            }
            catch (MicroVmException exception) when (exception.ErrorId == ErrorIds.StateCorrupt)
            {
                damage = exception;
            }

            if (damage is not null)
            {
                yield return RepairPlan.Doubtful(
                    RepairKind.DamagedRecord, context.Names.NameOf(id) ?? directory, $"{damage.Message} {damage.RecommendedAction}");
            }
            else if (record is null || record.IsBeingMade)
            {
                if (Directory.Exists(directory))
                {
                    yield return new RepairAction
                    {
                        Kind = RepairKind.UnfinishedMachine,
                        Target = record?.Name ?? directory,
                        Reason = record is null ? "It has no record: its creation was interrupted." : "Its creation was interrupted.",
                        Mend = async (_, _) => await UnfinishedMachine.RemoveAsync(context, id, Operation) ? RepairResult.Done : RepairResult.Gone,
                    };
                }
            }
            else if (WhatIsWrong(record) is { } wrong)
            {
                yield return new RepairAction
                {
                    Kind = wrong.Kind,
                    Target = record.Name,
                    Reason = wrong.Reason,
                    Mend = (observer, cancellationToken) => CorrectAsync(context, id, observer, cancellationToken),
                };
            }
        }

        foreach (string path in context.Machines.Abandoned())
        {
            yield return RepairPlan.Action(
                RepairKind.UnfinishedMachine, path, "The process that was making it is dead.", () => RepairPlan.DeleteDirectory(path));
        }

        foreach (string path in context.Machines.Removed())
        {
            yield return RepairPlan.Action(
                RepairKind.RemovedMachine, path, "The process that was deleting it is dead, or could not.", () => RepairPlan.DeleteDirectory(path));
        }
    }

    private static (RepairKind Kind, string Reason)? WhatIsWrong(MachineRecord record)
    {
        bool alive = record.Run?.Process.IsAlive ?? false;
        return record switch
        {
            { PendingRunDirectory: not null } => (RepairKind.InterruptedOperation, $"The start of a VMM was interrupted while {record.State}."),
            { Run: not null } when !alive => (RepairKind.EndedVmm, $"Its record says {record.State}, but its VMM has ended."),
            { Run: { } run } when RunDirectories.IsChanging(run.RunDirectory) => (RepairKind.InterruptedOperation, "An operation was interrupted while it was being paused or resumed."),
            _ when MachineView.IsPassing(record.State) => (RepairKind.InterruptedOperation, $"An operation was interrupted while {record.State}."),
            { State: VmState.Running, Run.DueFixups: not null } => (RepairKind.InterruptedOperation, "It was restored, but its guest was not put right."),
            _ => null,
        };
    }

    private static async Task<RepairResult> CorrectAsync(EngineContext context, Guid id, IOperationObserver observer, CancellationToken cancellationToken)
    {
        // Corrects the record itself, as far as that can be done without the VMM.
        using LockedMachine machine = await context.OpenAsync(id, Operation);
        if (machine.Record.Run is not null)
        {
            await using IVmmConnection connection = await machine.ConnectAsync(cancellationToken);
        }

        // Whoever corrects it on the way to something else goes on when the disk is full; here that would be no success.
        machine.Save(MachineView.IsPassing(machine.Record.State) ? machine.Record with { State = VmState.Stopped } : machine.Record);
        if (machine.Record is { State: VmState.Running, Run.DueFixups: not null })
        {
            await FixupPlan.RunAsync(context, machine, observer, cancellationToken);
        }

        return RepairResult.Done;
    }
}
