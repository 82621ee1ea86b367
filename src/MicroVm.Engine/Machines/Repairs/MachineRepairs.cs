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
            else if (record is null)
            {
                if (Directory.Exists(directory))
                {
                    yield return RemovalOf(
                        context, id, directory, RepairKind.UnfinishedMachine, "It has no record: its creation was interrupted.", () => Directory.Exists(directory) && context.Machines.Read(id) is null);
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

    /// <summary>Removes a VM's directory that is of no use to anybody, with what runs in its name.</summary>
    private static RepairAction RemovalOf(EngineContext context, Guid id, string directory, RepairKind kind, string reason, Func<bool> isStill) => new()
    {
        Kind = kind,
        Target = directory,
        Reason = reason,
        Mend = async (_, _) =>
        {
            using MachineLock held = AcquireOrThrow(id, directory);
            if (!isStill())
            {
                return RepairResult.Gone;
            }

            foreach (string run in context.Runs.Of(id))
            {
                await OrphanedVmm.EndAsync(context.DriverOf(HypervisorKind.Auto), run);
                MachineStore.DeleteDirectory(run);
            }

            string? name = context.Names.NameOf(id);
            context.Machines.Delete(id);
            if (name is not null)
            {
                context.Names.Release(name, id);
            }

            return RepairResult.Done;
        },
    };

    private static MachineLock AcquireOrThrow(Guid id, string directory)
    {
        try
        {
            return MachineLock.Acquire(directory, id.ToString(), Operation);
        }
        catch (IOException) when (!Directory.Exists(directory))
        {
            throw EngineContext.NotFound(id);
        }
    }
}
