using System.Net;
using MicroVm.Engine.Native;
using MicroVm.Engine.Network;
using MicroVm.Engine.State;

namespace MicroVm.Engine.Machines;

/// <summary>What the host's routes and packet filter have to know of VMs, from their records.</summary>
internal static class HostFirewall
{
    /// <summary>Sees to it that the host is ready for VMs with slots; where it was not, other VMs that run are put back as well.</summary>
    /// <param name="context">The engine.</param>
    /// <param name="six">Whether a VM with IPv6 is to come.</param>
    /// <param name="observer">Hears of what was changed on the host, and of what is in the way.</param>
    public static void Prepare(EngineContext context, bool six, IOperationObserver observer)
    {
        AddressPool pool = HostOutlook.PoolOf(context);
        IReadOnlyList<IPNetwork> pools = pool.Six is { } poolV6 ? [pool.Four, poolV6] : [pool.Four];
        Resolvers resolvers = Resolvers.Read(context.ResolverFile);
        (FirewallState state, IReadOnlyList<string> changed) = context.HostNetwork.Run(sockets =>
        {
            if (!Firewall.IsReady(sockets, pools))
            {
                pool.CheckAgainst(HostRoutes.List(sockets));
            }

            FirewallState found = Firewall.Ensure(sockets, pools);
            Firewall.SetResolvers(sockets, resolvers.Addresses);
            return (found, HostForwarding.Ensure(sockets, six));
        });
        if (changed.Count > 0)
        {
            observer.Warning($"This host did not hand on packets; for VMs with a network it does now: {string.Join(", ", changed)}.");
        }

        if (resolvers.Warning is { } missing)
        {
            observer.Warning(missing);
        }

        if (state == FirewallState.Loaded)
        {
            foreach (MachineRecord record in context.Machines.Ids().Select(id => MachineView.TryRead(context, id)).OfType<MachineRecord>())
            {
                AttachAgain(context, record);
            }
        }
    }

    /// <summary>Gives a link its slot's addresses, and with the first one the VM's ports.</summary>
    /// <param name="context">The engine.</param>
    /// <param name="record">The VM.</param>
    /// <param name="index">Which of its interfaces.</param>
    /// <param name="linkName">The link.</param>
    /// <param name="linkIndex">Its interface index.</param>
    public static void Attach(EngineContext context, MachineRecord record, int index, string linkName, int linkIndex)
    {
        FirewallEntry entry = EntryOf(context, record, index, linkName);
        Run(context, sockets =>
        {
            HostRoutes.Attach(sockets, linkIndex, entry.U4, entry.U6);
            Firewall.Attach(sockets, entry);
        });
    }

    /// <summary>Puts the links of a VM that runs back, should somebody have taken them out.</summary>
    public static void AttachAgain(EngineContext context, MachineRecord record) => ForEachLink(context, record, (sockets, entry) =>
    {
        if (HostRoutes.IndexOf(sockets, entry.LinkName) is { } index)
        {
            HostRoutes.Attach(sockets, index, entry.U4, entry.U6);
            Firewall.Attach(sockets, entry);
        }
    });

    /// <summary>Takes out the links of a run, whether they are there or not.</summary>
    /// <param name="context">The engine.</param>
    /// <param name="record">The VM.</param>
    /// <param name="links">The run's.</param>
    /// <param name="keepsAddress">Whether another run has the VM's addresses now.</param>
    public static void Detach(EngineContext context, MachineRecord record, IReadOnlyList<string> links, bool keepsAddress)
    {
        for (int i = 0; i < links.Count; i++)
        {
            Detach(context, record, i, links[i], keepsAddress);
        }
    }

    /// <summary>Takes out one link, whether it is there or not.</summary>
    /// <param name="context">The engine.</param>
    /// <param name="record">The VM.</param>
    /// <param name="index">Which of its interfaces.</param>
    /// <param name="link">The link.</param>
    /// <param name="keepsAddress">Whether another link has its addresses now.</param>
    public static void Detach(EngineContext context, MachineRecord record, int index, string link, bool keepsAddress)
    {
        if (record.Network?.Slots.ElementAtOrDefault(index) is not null)
        {
            FirewallEntry entry = EntryOf(context, record, index, link);
            Run(context, sockets => Firewall.Detach(sockets, entry, keepsAddress));
        }
        else if (record.Hardware.Interfaces.ElementAtOrDefault(index)?.Mode == NetworkMode.Bridge)
        {
            BridgePort.Forget(context.HostNetwork, link);
        }
    }

    /// <summary>
    /// Takes out all that the packet filter has of these slots: of a run that was killed before it was on record, nobody knows the links. With links that are kept,
    /// the ports are kept as well.
    /// </summary>
    public static void Sweep(EngineContext context, IEnumerable<int> slots, IReadOnlyList<string> kept)
    {
        AddressPool pool = HostOutlook.PoolOf(context);
        HashSet<IPAddress> addresses = [.. slots.Select(pool.AddressOf).SelectMany(pair => (IPAddress?[])[pair.Four, pair.Six]).OfType<IPAddress>()];
        if (addresses.Count == 0)
        {
            return;
        }

        Run(context, sockets =>
        {
            FirewallContents contents = Firewall.List(sockets);
            bool IsOfSlot(IPAddress? address) => address is not null && addresses.Contains(address);
            FirewallLink[] links = [.. contents.Links.Where(link => (IsOfSlot(link.U4) || IsOfSlot(link.U6)) && !kept.Contains(link.Name))];
            FirewallPort[] ports = kept.Count > 0 ? [] : [.. contents.Ports.Where(port => addresses.Contains(port.To))];
            if (links.Length + ports.Length > 0)
            {
                Firewall.Remove(sockets, links, ports);
            }
        });
    }

    /// <summary>Gives a VM that runs another policy.</summary>
    public static void SetEgress(EngineContext context, MachineRecord record, EgressPolicy policy) =>
        ForEachLink(context, record, (sockets, entry) => Firewall.SetEgress(sockets, entry, policy));

    /// <summary>Makes more ports lead to a VM that runs.</summary>
    public static void Publish(EngineContext context, MachineRecord record, IReadOnlyList<PublishedPort> ports) =>
        ForEachPublisher(context, record, (sockets, entry) => Firewall.Publish(sockets, entry, ports));

    /// <summary>Makes ports of a VM that runs lead nowhere.</summary>
    public static void Unpublish(EngineContext context, MachineRecord record, IReadOnlyList<PublishedPort> ports) =>
        ForEachPublisher(context, record, (sockets, entry) => Firewall.Unpublish(sockets, entry, ports));

    private static void ForEachPublisher(EngineContext context, MachineRecord record, Action<HostSockets, FirewallEntry> action)
    {
        int publisher = PublisherOf(record);
        ForEachLink(context, record, (sockets, entry) => action(sockets, entry), only: publisher);
    }

    private static void ForEachLink(EngineContext context, MachineRecord record, Action<HostSockets, FirewallEntry> action, int? only = null)
    {
        if (record.Run is not { } run || !run.Process.IsAlive)
        {
            return;
        }

        for (int i = 0; i < run.Links.Count; i++)
        {
            if (record.Network?.Slots.ElementAtOrDefault(i) is not null && (only ?? i) == i)
            {
                FirewallEntry entry = EntryOf(context, record, i, run.Links[i]);
                Run(context, sockets => action(sockets, entry));
            }
        }
    }

    private static FirewallEntry EntryOf(EngineContext context, MachineRecord record, int index, string linkName)
    {
        MachineInterface one = record.Hardware.Interfaces[index];
        MachineNetwork network = record.Network!;
        (IPAddress four, IPAddress? six) = HostOutlook.PoolOf(context).AddressOf(network.Slots[index]!.Value);
        return new FirewallEntry
        {
            LinkName = linkName,
            U4 = four,
            U6 = one.AddressV6 is null ? null : six,
            Egress = network.Egress,
            Ports = index == PublisherOf(record) ? network.PublishedPorts : [],
            Network = one.Mode == NetworkMode.Named ? NumberOf(context, one.Name!) : null,
        };
    }

    private static uint? NumberOf(EngineContext context, string network) => context.Networks.Find(network)?.Number;

    private static void Run(EngineContext context, Action<HostSockets> action)
    {
        try
        {
            context.HostNetwork.Run(action);
        }
        catch (LinuxException exception) when (exception.Errno == Errno.NoSuchFile)
        {
            throw FirewallErrors.Flushed(exception);
        }
        catch (LinuxException exception)
        {
            throw NetworkErrors.Of(exception);
        }
    }

    // Ports lead to one interface, the first that can have them.
    private static int PublisherOf(MachineRecord record) => record.Network!.Slots.ToList().FindIndex(slot => slot is not null);
}
