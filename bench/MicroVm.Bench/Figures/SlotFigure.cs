using System.Net;
using MicroVm.Bench.Baselines;
using MicroVm.Engine;
using MicroVm.Engine.Network;

namespace MicroVm.Bench.Figures;

/// <summary>A VM's network slot: netlink messages against commands.</summary>
internal static class SlotFigure
{
    private const double TargetUp = 30;
    private const double TargetDown = 100;
    private const double TargetClaim = 1000;
    private const double TargetFlat = 1.2;
    private const int Many = 1000;
    private const int Share = 100;
    private const int Rounds = 5;

    // Closing many at once keeps the kernel from making others.
    private const int ClosedAtOnce = 16;

    /// <summary>Takes the figure.</summary>
    public static Figure Take(Workshop workshop)
    {
        using PrivateHost host = new();
        // Where nothing leads out of by IPv6, no links with it are kept ready.
        host.Network.Run(_ => Processes.Run(Processes.Find("ip"), "-6", "route", "add", "default", "dev", PrivateHost.Uplink));
        host.Network.Run(sockets => Firewall.Ensure(sockets, [AddressPool.Default.Four, AddressPool.Default.Six!.Value]));
        string name = FormattableString.Invariant($"microvm-spares-{Environment.ProcessId}");
        using SpareKeeper keeper = new(host, Path.Combine("/dev/shm", name));
        using SpareKeeper diskKeeper = new(host, Path.Combine(workshop.Options.Home, name));
        Stack<NetworkLink> links = new();
        Stack<CommandSlot> slots = new();
        int number = 0;
        List<Series> series = Sampler.Interleave(
            5,
            workshop.Options.Samples(100),
            Candidate.Ours("engine: slot up", () => Sampler.Time(() => links.Push(Up(host, ++number, ipv6: true)))),
            Candidate.Baseline("ip and iptables: slot up", () => Sampler.Time(() => host.Network.Run(_ => UpByCommands(slots, number)))),
            Candidate.Ours("engine: slot down", () => Down(host, links.Pop(), waited: false)),
            Candidate.Baseline("ip and iptables: slot down", () => Sampler.Time(() => host.Network.Run(_ => slots.Pop().Down(PrivateHost.Uplink)))),
            Candidate.Ours("engine: slot up, IPv4 alone", () => UpForFour(host, number)),
            Candidate.Ours("engine: slot down, until the kernel is done too", () => Down(host, Up(host, number, ipv6: true), waited: true)),
            // After what waits until the kernel has removed the others.
            Candidate.Ours("engine: claim of a ready link", () => Claim(host, keeper, number, isFirst: false)),
            Candidate.Ours("engine: claim of a ready link, the first of a process", () => Claim(host, keeper, number, isFirst: true)),
            Candidate.Ours("engine: claim of a ready link, its note on a disk", () => Claim(host, diskKeeper, number, isFirst: false)),
            Candidate.Ours("engine: claim of a ready link, without the taking", () => AttachReady(host, number)));
        (Series first, Series last) = TakeMany(host, Math.Min(Rounds, workshop.Options.Samples(Rounds)));
        series.AddRange([first, last]);
        return new Figure(
            "slot",
            "Give a VM its network",
            "All in a network namespace made for it. The baseline is the sequence of systems that run ip(8) and iptables(8): a named namespace, a veth pair, a TAP, "
            + "addresses, routes, forwarding, SNAT and DNAT in the namespace, two FORWARD rules and MASQUERADE on the host; and its removal. The engine raises a "
            + "link (namespace, TAP, veth pair, IPv4 and IPv6) and routes the slot's two addresses to it; to remove it, it closes the TAP, and the kernel does the rest "
            + "on its own. The change to another thread and back is in all of the engine's times. A ready link is one of eight that another process, as the keeper, "
            + "holds, and begins to replace 20 ms later: its note is removed from a directory, which is on a tmpfs as /run is, the TAP's descriptor copied from "
            + "that process; then it gets two routes and, in the packet filter, two addresses, a policy and two published ports, as when a VM is started. The first of "
            + "a process also makes sure who the keeper is. Last a thousand slots are made and kept, and removed, some times over.",
            series,
            [
                Verdict.AtLeast("up, engine against commands", series[1].Median / series[0].Median, TargetUp),
                Verdict.AtLeast("down, engine against commands", series[3].Median / series[2].Median, TargetDown),
                Verdict.AtLeast("claim of a ready link, against up by commands", series[1].Median / series[6].Median, TargetClaim),
                Verdict.AtMost($"up, the last {Share} of {Many} against the first {Share}", last.Median / first.Median, TargetFlat),
            ]);
    }

    private static NetworkLink Up(PrivateHost host, int number, bool ipv6) => host.Network.Run(sockets =>
    {
        NetworkLink link = NetworkLink.Raise(sockets, ipv6);
        Attach(sockets, link, number);
        return link;
    });

    private static void Attach(HostSockets sockets, NetworkLink link, int number)
    {
        (IPAddress four, IPAddress? six) = AddressPool.Default.AddressOf(number);
        HostRoutes.Attach(sockets, link.Index, four, link.IPv6 ? six : null);
    }

    private static void UpByCommands(Stack<CommandSlot> slots, int number)
    {
        CommandSlot slot = new(number);
        slot.Up(PrivateHost.Uplink);
        slots.Push(slot);
    }

    private static double UpForFour(PrivateHost host, int number)
    {
        NetworkLink? link = null;
        double time = Sampler.Time(() => link = Up(host, number, ipv6: false));
        Down(host, link!, waited: true);
        return time;
    }

    // Taken and attached one after the other, as by a VM's launch, between which is the VMM's start.
    private static double Claim(PrivateHost host, SpareKeeper keeper, int number, bool isFirst)
    {
        keeper.WaitUntilReady();
        SpareLinks spares = isFirst ? new SpareLinks(keeper.Paths) : keeper.Spares;
        NetworkLink? link = null;
        double time = Sampler.Time(() =>
        {
            link = host.Network.Run(sockets => spares.TryTake(sockets, ipv6: true)) ?? throw new InvalidOperationException("No link could be taken.");
            host.Network.Run(sockets => AttachWhole(sockets, link, number));
        });
        Forget(host, link!, number);
        return time;
    }

    private static double AttachReady(PrivateHost host, int number)
    {
        using NetworkLink link = NetworkLink.Raise(host.Network, ipv6: true);
        double time = Sampler.Time(() => host.Network.Run(sockets => AttachWhole(sockets, link, number)));
        Forget(host, link, number);
        return time;
    }

    private static void AttachWhole(HostSockets sockets, NetworkLink link, int number)
    {
        Attach(sockets, link, number);
        Firewall.Attach(sockets, EntryOf(link, number));
    }

    private static void Forget(PrivateHost host, NetworkLink link, int number)
    {
        host.Network.Run(sockets => Firewall.Detach(sockets, EntryOf(link, number)));
        Down(host, link, waited: true);
    }

    private static FirewallEntry EntryOf(NetworkLink link, int number)
    {
        (IPAddress four, IPAddress? six) = AddressPool.Default.AddressOf(number);
        return new FirewallEntry
        {
            LinkName = link.Name,
            U4 = four,
            U6 = six,
            Ports = [new PublishedPort("127.0.0.1", 10_000 + number, 80), new PublishedPort("0.0.0.0", 30_000 + number, 80)],
        };
    }

    private static double Down(PrivateHost host, NetworkLink link, bool waited)
    {
        double time = Sampler.Time(() =>
        {
            link.Dispose();
            if (waited)
            {
                host.WaitUntilGone(link.Name);
            }
        });
        host.WaitUntilGone(link.Name);
        return time;
    }

    // Several times over, so that what else the machine does meanwhile falls on the first as on the last.
    private static (Series First, Series Last) TakeMany(PrivateHost host, int rounds)
    {
        List<double> first = [];
        List<double> last = [];
        for (int round = 0; round < rounds; round++)
        {
            List<NetworkLink> links = [];
            List<double> times = [];
            for (int i = 1; i <= Many; i++)
            {
                times.Add(Sampler.Time(() => links.Add(Up(host, i, ipv6: true))));
            }

            first.AddRange(times[..Share]);
            last.AddRange(times[^Share..]);
            foreach (NetworkLink[] some in links.Chunk(ClosedAtOnce))
            {
                Array.ForEach(some, link => link.Dispose());
                Array.ForEach(some, link => host.WaitUntilGone(link.Name));
            }
        }

        return (new($"engine: slot up, the first {Share} of {Many}", first), new($"engine: slot up, the last {Share} of {Many}", last));
    }
}
