using MicroVm.Engine.Errors;
using MicroVm.Engine.State;
using MicroVm.Engine.Storage;
using MicroVm.Engine.Vmm;

namespace MicroVm.Engine.Machines;

/// <summary>Stops vCPUs and lets them go on.</summary>
internal static class PausePlan
{
    /// <summary>Pauses a running VM.</summary>
    public static Task<VirtualMachine> SuspendAsync(EngineContext context, Guid id, IOperationObserver observer, CancellationToken cancellationToken) =>
        ChangeAsync(context, id, "Suspend", VmState.Paused, observer, cancellationToken);

    /// <summary>Lets a paused VM go on.</summary>
    public static Task<VirtualMachine> ResumeAsync(EngineContext context, Guid id, IOperationObserver observer, CancellationToken cancellationToken) =>
        ChangeAsync(context, id, "Resume", VmState.Running, observer, cancellationToken);

    private static async Task<VirtualMachine> ChangeAsync(
        EngineContext context, Guid id, string verb, VmState result, IOperationObserver observer, CancellationToken cancellationToken)
    {
        using LockedMachine machine = await context.OpenAsync(id, $"{verb}-MicroVm");
        machine.Require(verb.ToLowerInvariant(), VmState.Running, VmState.Paused, VmState.Unknown);
        PhaseTimer timer = new(observer, $"{verb} {machine.Record.Name}");
        await using IVmmConnection connection = await machine.ConnectAsync(cancellationToken);
        MachineRecord before = machine.Record;
        string runDirectory = before.Run!.RunDirectory;
        try
        {
            RunDirectories.BeginChange(runDirectory);
            await BringAboutAsync(connection, result, cancellationToken);
            Failpoint.Reach(Failpoints.PauseTold);
            machine.Save(machine.Record with { State = result, StatusDetail = null });
            Failpoint.Reach(Failpoints.PauseRecorded);
            RunDirectories.EndChange(runDirectory);
        }
        catch (VmmConnectionException exception)
        {
            throw VmmFailure.Ended(context, machine.Record, machine.Record.Run!, exception);
        }
        catch (Exception exception) when (before.State != result && exception is not MicroVmException { Kind: ErrorKind.Timeout })
        {
            // The VMM may have been told already, and obeys in turn: the guest is to be as the record says, and the record as it was.
            await BringAboutAsync(connection, before.State, CancellationToken.None);
            machine.TrySave(before, observer);
            RunDirectories.EndChange(runDirectory);
            throw StorageErrors.WrapOrSame(exception, machine.Directory);
        }

        if (result == VmState.Running && machine.Record.Run?.DueFixups is not null)
        {
            // It was restored and left paused.
            await FixupPlan.RunAsync(context, machine, observer, cancellationToken);
            timer.Mark("fixups");
        }

        timer.Done();
        return machine.View;
    }

    private static Task BringAboutAsync(IVmmConnection connection, VmState state, CancellationToken cancellationToken) =>
        state == VmState.Paused ? connection.PauseAsync(cancellationToken) : connection.ResumeAsync(cancellationToken);
}
