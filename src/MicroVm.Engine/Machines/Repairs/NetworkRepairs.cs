using System.Net;
using MicroVm.Engine.Errors;
using MicroVm.Engine.Native;
using MicroVm.Engine.Network;
using MicroVm.Engine.State;

namespace MicroVm.Engine.Machines.Repairs;

/// <summary>
/// Addresses and ports that no VM has any more, notes of spare links that are gone, and what the host's packet filter knows of links that are gone, or does not know of links that are there. Only what
/// carries the engine's mark is looked at. Who may not look at the packet filter has nothing in it.
/// </summary>
internal static class NetworkRepairs
{
    /// <summary>What is found.</summary>
    public static IEnumerable<RepairAction> Find(EngineContext context) => [.. FindClaims(context), .. FindEntries(context), .. FindSpares(context)];

    private static IEnumerable<RepairAction> FindClaims(EngineContext context)
    {
        foreach ((int slot, Guid id) in context.Slots.All())
        {
            if (IsStale(context, id, record => record.Network?.Slots.Contains(slot) == true))
            {
                yield return RepairPlan.Action(
                    RepairKind.StaleNetworkClaim, $"slot {slot}", "No VM has it.", () => context.Slots.ReleaseStale(slot) ? RepairResult.Done : RepairResult.Gone);
            }
        }

        foreach ((string key, Guid id) in context.Ports.All())
        {
            if (IsStale(context, id, record => record.Network?.PublishedPorts.Any(port => PortClaims.KeyOf(port) == key) == true))
            {
                yield return RepairPlan.Action(
                    RepairKind.StaleNetworkClaim, $"port {key}", "No VM publishes it.", () => context.Ports.ReleaseStale(key) ? RepairResult.Done : RepairResult.Gone);
            }
        }
    }

    // The lock first, see RepairPlan.ReadIdle.
    private static bool IsStale(EngineContext context, Guid id, Func<MachineRecord, bool> holds)
    {
        string directory = context.Machines.DirectoryOf(id);
        return !Directory.Exists(directory) || (RepairPlan.ReadIdle(context, id) is { } record && !holds(record));
    }

    private static List<RepairAction> FindEntries(EngineContext context)
    {
        try
        {
            (FirewallContents stale, HashSet<string> present, IReadOnlyList<FirewallPort> open) = context.HostNetwork.Run(Look);
            return
            [
                .. stale.Links.Select(link => RepairPlan.Action(
                    RepairKind.StaleFirewallEntry, link.Name, "The link is gone.", () => Remove(context, link.Name, port: null))),
                .. stale.Ports.Select(port => RepairPlan.Action(
                    RepairKind.StaleFirewallEntry, $"port {port.Port}", $"It leads to {port.To}, which no link has.", () => Remove(context, linkName: null, port))),
                .. BridgePort.Known(context.HostNetwork).Where(port => !port.IsThere).Select(port => RepairPlan.Action(
                    RepairKind.StaleFirewallEntry, port.Link, "The link is gone.", () => Forget(context, port.Link))),
                .. FindUnpublished(context, open),
                .. FindMissing(context, present),
            ];
        }
        catch (LinuxException)
        {
            return [];
        }
        catch (MicroVmException exception) when (exception.ErrorId is ErrorIds.PermissionDenied or ErrorIds.NetworkFailed or ErrorIds.NetworkUnavailable)
        {
            return [];
        }
    }

    private static IEnumerable<RepairAction> FindSpares(EngineContext context) => context.SpareLinks.Abandoned().Select(path => RepairPlan.Action(
        RepairKind.StaleSpareLink, path, "The keeper that had it is dead.", () => FileRemoval.TryRemove(path) ? RepairResult.Done : RepairResult.Gone));

    // Who was taking a port back, or publishing one, has died between the record and the packet filter.
    private static IEnumerable<RepairAction> FindUnpublished(EngineContext context, IReadOnlyList<FirewallPort> open)
    {
        AddressPool pool = HostOutlook.PoolOf(context);
        foreach ((int slot, Guid id) in context.Slots.All().Where(claim => open.Count > 0 && claim.Slot <= pool.Capacity))
        {
            (IPAddress four, IPAddress? six) = pool.AddressOf(slot);
            foreach (FirewallPort port in open.Where(port => port.To.Equals(four) || port.To.Equals(six)))
            {
                if (RepairPlan.ReadIdle(context, id) is { } record && !Publishes(record, port))
                {
                    yield return new RepairAction
                    {
                        Kind = RepairKind.StaleFirewallEntry,
                        Target = $"port {port.Port}",
                        Reason = $"It leads to VM '{record.Name}', which does not publish it.",
                        Mend = (_, _) => CloseAsync(context, id, port),
                    };
                }
            }
        }
    }

    private static bool Publishes(MachineRecord record, FirewallPort port) => record.Network?.PublishedPorts.Contains(port.Port) == true;

    private static async Task<RepairResult> CloseAsync(EngineContext context, Guid id, FirewallPort port)
    {
        using LockedMachine machine = await context.OpenAsync(id, "Repair-MicroVmHost");
        if (Publishes(machine.Record, port))
        {
            return RepairResult.Gone;
        }

        context.HostNetwork.Run(sockets => Firewall.Remove(sockets, [], [port]));
        return RepairResult.Done;
    }

    private static IEnumerable<RepairAction> FindMissing(EngineContext context, HashSet<string> present)
    {
        foreach (Guid id in context.Machines.Ids())
        {
            if (RepairPlan.ReadIdle(context, id) is not { Run: { } run, Network: { } network } record || !run.Process.IsAlive)
            {
                continue;
            }

            string[] unknown = [.. run.Links.Where((link, i) => network.Slots.ElementAtOrDefault(i) is not null && !present.Contains(link))];
            if (unknown.Length == 0)
            {
                continue;
            }

            // Asked now: a VM may have come since the devices were listed.
            bool isThere = context.HostNetwork.Run(sockets => unknown.All(link => HostRoutes.IndexOf(sockets, link) is not null));
            yield return isThere
                ? new RepairAction
                {
                    Kind = RepairKind.MissingFirewallEntry,
                    Target = record.Name,
                    Reason = "The host's packet filter does not know its link: its rules were flushed.",
                    Mend = (observer, _) => AttachAgainAsync(context, id, observer),
                }
                : RepairPlan.Action(
                    RepairKind.MissingNetworkLink, record.Name, "Somebody has deleted its network link. It has one again after Stop-MicroVm and Start-MicroVm.", () => RepairResult.Left);
        }
    }

    private static async Task<RepairResult> AttachAgainAsync(EngineContext context, Guid id, IOperationObserver observer)
    {
        using LockedMachine machine = await context.OpenAsync(id, "Repair-MicroVmHost");
        if (machine.Record.Run is null)
        {
            return RepairResult.Gone;
        }

        HostFirewall.Prepare(context, machine.Record.Hardware.Interfaces.Any(one => one.AddressV6 is not null), observer);
        HostFirewall.AttachAgain(context, machine.Record);
        return RepairResult.Done;
    }

    // Looked at again: an address that had no link a moment ago may have one now.
    private static RepairResult Remove(EngineContext context, string? linkName, FirewallPort? port) => context.HostNetwork.Run(sockets =>
    {
        (FirewallContents stale, _, _) = Look(sockets);
        FirewallLink[] links = [.. stale.Links.Where(link => link.Name == linkName)];
        FirewallPort[] ports = [.. stale.Ports.Where(other => other == port)];
        if (links.Length + ports.Length == 0)
        {
            return RepairResult.Gone;
        }

        Firewall.Remove(sockets, links, ports);
        return RepairResult.Done;
    });

    private static RepairResult Forget(EngineContext context, string port)
    {
        if (!BridgePort.Known(context.HostNetwork).Contains((port, false)))
        {
            return RepairResult.Gone;
        }

        BridgePort.Forget(context.HostNetwork, port);
        return RepairResult.Done;
    }

    // Ports before links: a VM that comes between the two is seen whole.
    private static (FirewallContents Stale, HashSet<string> Present, IReadOnlyList<FirewallPort> Open) Look(HostSockets sockets)
    {
        IReadOnlyList<FirewallPort> ports = Firewall.List(sockets).Ports;
        FirewallContents contents = Firewall.List(sockets);
        HashSet<string> devices = [.. HostRoutes.Devices(sockets).Values];
        ILookup<bool, FirewallLink> links = contents.Links.ToLookup(link => devices.Contains(link.Name));
        bool IsAttached(FirewallPort port) => links[true].Any(link => port.To.Equals(link.U4) || port.To.Equals(link.U6));
        return (
            contents with { Links = [.. links[false]], Ports = [.. ports.Where(port => !IsAttached(port))] },
            [.. links[true].Where(link => link.U4 is not null).Select(link => link.Name)],
            [.. ports.Where(IsAttached)]);
    }
}
