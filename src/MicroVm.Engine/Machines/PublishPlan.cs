using System.Globalization;
using MicroVm.Engine.Errors;
using MicroVm.Engine.State;

namespace MicroVm.Engine.Machines;

/// <summary>Publishes ports of VMs, and takes them back. The VMM is not asked, so a VM may do what it likes meanwhile.</summary>
internal static class PublishPlan
{
    /// <summary>Publishes ports; one that the VM publishes already is left as it is.</summary>
    /// <exception cref="MicroVmException"><see cref="ErrorIds.PortInUse"/>, <see cref="ErrorIds.NetworkNotSupported"/>.</exception>
    public static async Task<VirtualMachine> PublishAsync(
        EngineContext context, Guid id, IReadOnlyList<PublishedPort> ports, IOperationObserver observer)
    {
        using LockedMachine machine = await context.OpenAsync(id, "Publish-MicroVmPort");
        MachineRecord before = machine.Record;
        RequireChangeable(before);
        IReadOnlyList<PublishedPort> present = before.Network?.PublishedPorts ?? [];
        IReadOnlyList<PublishedPort> wanted = [.. ports.Where(port => !present.Contains(port)).Distinct()];
        NetworkRules.CheckPorts([.. present, .. wanted], before.Hardware.Interfaces.Select(one => one.Mode));
        UndoStack undo = new();
        try
        {
            IReadOnlyList<PublishedPort> added = NetworkClaiming.ClaimPorts(context, before, wanted, undo);
            Failpoint.Reach(Failpoints.PublishClaimed);
            undo.Push("published ports", () => HostFirewall.Unpublish(context, before, added));
            HostFirewall.Publish(context, before, added);
            Failpoint.Reach(Failpoints.PublishOpened);
            machine.Save(before with { Network = before.Network! with { PublishedPorts = [.. present, .. added] } });
            undo.Commit();
        }
        catch
        {
            await undo.RollBackAsync(observer);
            throw;
        }

        return machine.View;
    }

    /// <summary>Takes published ports back.</summary>
    /// <param name="context">The engine.</param>
    /// <param name="id">The VM.</param>
    /// <param name="hostPorts">The host's ports; null for all.</param>
    /// <param name="protocol">Of one protocol only, or null.</param>
    /// <exception cref="MicroVmException"><see cref="ErrorIds.PortNotPublished"/>.</exception>
    public static async Task<VirtualMachine> UnpublishAsync(EngineContext context, Guid id, IReadOnlyList<int>? hostPorts, PortProtocol? protocol)
    {
        using LockedMachine machine = await context.OpenAsync(id, "Unpublish-MicroVmPort");
        MachineRecord before = machine.Record;
        IReadOnlyList<PublishedPort> present = before.Network?.PublishedPorts ?? [];
        List<PublishedPort> gone = [.. present.Where(port => (hostPorts?.Contains(port.HostPort) ?? true) && port.Protocol == (protocol ?? port.Protocol))];
        foreach (int missing in hostPorts?.Except(gone.Select(port => port.HostPort)) ?? [])
        {
            throw new MicroVmException(
                ErrorIds.PortNotPublished, ErrorKind.NotFound, string.Create(CultureInfo.InvariantCulture, $"VM '{before.Name}' does not publish port {missing}."))
            {
                Target = missing,
                RecommendedAction = present.Count == 0 ? "It publishes none." : $"It publishes {string.Join(", ", present)}.",
            };
        }

        if (gone.Count > 0)
        {
            RequireChangeable(before);
            // On record first: should this end here, what is still open is closed by a repair, and no longer anybody's.
            machine.Save(before with { Network = before.Network! with { PublishedPorts = [.. present.Except(gone)] } });
            Failpoint.Reach(Failpoints.UnpublishRecorded);
            HostFirewall.Unpublish(context, before, gone);
            gone.ForEach(port => context.Ports.Release(port, id));
        }

        return machine.View;
    }

    private static void RequireChangeable(MachineRecord record)
    {
        if (record.Run is not null && !record.Hardware.Interfaces.Any(one => NetworkRules.HasSlot(one.Mode)) && record.Hardware.Interfaces.Any(one => one.Mode == NetworkMode.User))
        {
            throw new MicroVmException(
                ErrorIds.NetworkNotSupported, ErrorKind.NotSupported, $"VM '{record.Name}' runs, and passt takes its ports when it starts.")
            {
                Target = record.Name,
                RecommendedAction = $"Stop-MicroVm {record.Name} first, or make VMs with -Network Nat, whose ports can be changed at any time.",
            };
        }
    }
}
