using MicroVm.Engine.Errors;
using MicroVm.Engine.Guest.Fixups;
using MicroVm.Engine.State;
using MicroVm.Engine.Storage;
using MicroVm.Engine.Vmm;

namespace MicroVm.Engine.Machines;

/// <summary>Puts the guest of a restored VM right once it runs, and records what became of it.</summary>
internal static class FixupPlan
{
    /// <summary>Where the images of this engine have their workload.</summary>
    public static WorkloadCgroups Cgroups { get; } = new(GuestContract.WorkloadCgroup, GuestContract.GuardCgroup);

    /// <summary>Does what is due. A failure is a warning: the VM runs, whatever comes of it.</summary>
    /// <param name="context">The engine.</param>
    /// <param name="machine">A VM that runs.</param>
    /// <param name="observer">Hears of failures.</param>
    /// <param name="cancellationToken">Ends the wait for the guest.</param>
    public static async Task RunAsync(EngineContext context, LockedMachine machine, IOperationObserver observer, CancellationToken cancellationToken)
    {
        MachineRecord record = machine.Record;
        if (record.Run is not { DueFixups: { } due } run)
        {
            return;
        }

        IReadOnlyList<InterfaceChange> interfaces = [.. due.FormerInterfaces.Zip(record.Hardware.Interfaces, (former, present) => new InterfaceChange(former, present))];
        IReadOnlyList<GuestFixup> fixups = await PutRightAsync(context, record, run, due, interfaces, cancellationToken);
        await ConnectAsync(machine, interfaces, fixups, observer, cancellationToken);
        // Of this run alone, so of no use after a power failure.
        machine.TrySave(record with { Run = run with { DueFixups = null, Fixups = fixups } }, observer, lasting: false);
        if (!due.ThawOnly)
        {
            Tell(record.Name, fixups, observer);
        }
    }

    private static async Task<IReadOnlyList<GuestFixup>> PutRightAsync(
        EngineContext context, MachineRecord record, MachineRun run, DueFixups due, IReadOnlyList<InterfaceChange> interfaces, CancellationToken cancellationToken)
    {
        if (due is { ThawOnly: true, WorkloadFrozen: false })
        {
            return GuestFixups.AllSkipped("Not wanted.");
        }

        if (due.AgentAnswered == false)
        {
            return GuestFixups.AllSkipped("No agent answered when the snapshot was taken.");
        }

        try
        {
            FixupOrder order = new(due, record.Boot.Hostname ?? record.Name, record.Id, Cgroups, GuestContract.ReseedProgram) { Interfaces = interfaces };
            return await GuestFixups.RunAsync(GuestAccess.Of(context, record, run), order, cancellationToken);
        }
        catch (MicroVmException exception) when (exception.ErrorId == ErrorIds.GuestAgentUnavailable)
        {
            // A machine that was made without a port for one.
            return GuestFixups.AllSkipped(exception.Message);
        }
    }

    // A guest that still has its origin's hardware address would take its origin's frames: until it has its own, nothing passes.
    private static async Task ConnectAsync(
        LockedMachine machine,
        IReadOnlyList<InterfaceChange> interfaces,
        IReadOnlyList<GuestFixup> fixups,
        IOperationObserver observer,
        CancellationToken cancellationToken)
    {
        int[] waiting = [.. interfaces.Index().Where(pair => pair.Item.HasOtherMac).Select(pair => pair.Index)];
        if (waiting.Length == 0)
        {
            return;
        }

        if (fixups.FirstOrDefault(fixup => fixup.Name == GuestFixup.Network)?.Result is not (FixupResult.Done or FixupResult.Unprotected))
        {
            observer.Warning($"VM '{machine.Record.Name}' is not connected to its bridge: its guest still has the hardware address of the VM it was made from. Restart-MicroVm gives it its own.");
            return;
        }

        await using IVmmConnection connection = await machine.ConnectAsync(cancellationToken);
        foreach (int index in waiting)
        {
            await connection.SetLinkAsync(interfaces[index].Present.Port ?? index, up: true, cancellationToken);
        }
    }

    // One warning for all that has one cause.
    private static void Tell(string name, IReadOnlyList<GuestFixup> fixups, IOperationObserver observer)
    {
        foreach (IGrouping<string, GuestFixup> group in fixups.Where(fixup => fixup.Result is FixupResult.Failed or FixupResult.Skipped).GroupBy(fixup => fixup.Detail))
        {
            observer.Warning($"VM '{name}' was restored, but not put right: {string.Join(", ", group.Select(fixup => fixup.Name))}. {group.Key}");
        }
    }
}
