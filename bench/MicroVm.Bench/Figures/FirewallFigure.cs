using System.Net;
using MicroVm.Bench.Baselines;
using MicroVm.Engine;
using MicroVm.Engine.Native;
using MicroVm.Engine.Network;

namespace MicroVm.Bench.Figures;

/// <summary>What a VM has in the packet filter: netlink messages against nft(8).</summary>
internal static class FirewallFigure
{
    private const double TargetRatio = 50;
    private const double TargetFlat = 1.2;
    private const int Many = 1000;
    private static readonly TimeSpan s_limit = TimeSpan.FromSeconds(60);

    /// <summary>Takes the figure.</summary>
    public static Figure Take(Workshop workshop)
    {
        using PrivateHost host = new();
        IPNetwork[] pools = [IPNetwork.Parse("198.18.128.0/17"), IPNetwork.Parse("fd6d:6963:766e::/64")];
        string nft = Processes.Find("nft");
        int samples = workshop.Options.Samples(200);
        int number = 0;
        host.Network.Run(sockets => Firewall.Ensure(sockets, pools));
        Candidate[] candidates =
        [
            Candidate.Ours("engine: attach, two published ports", () => Time(host, sockets => Firewall.Attach(sockets, Entry(++number)))),
            Candidate.Ours("engine: detach", () => Time(host, sockets => Firewall.Detach(sockets, Entry(number)))),
            Candidate.Baseline("nft -f -: the same elements added", () => Time(host, _ => Run(nft, "add", ++number))),
            Candidate.Baseline("nft -f -: and deleted", () => Time(host, _ => Run(nft, "delete", number))),
            Candidate.Ours("engine: look whether the rules are there", () => Time(host, sockets => Firewall.Ensure(sockets, pools))),
        ];
        List<Series> series = Sampler.Interleave(5, samples, candidates);
        Series empty = Alone("no VM being there");
        host.Network.Run(sockets => Array.ForEach([.. Enumerable.Range(10_000, Many)], slot => Firewall.Attach(sockets, Entry(slot))));
        Series full = Alone($"{Many} VMs being there");
        series.AddRange([empty, full]);
        return new Figure(
            "firewall",
            "Let a VM into the packet filter",
            "Its two addresses, its policy and two published ports: five elements of the table's maps, in a network namespace made for it. The baseline gives nft(8) the same "
            + "as text. Taking a VM out also makes the kernel forget the flows of its addresses, which the baseline does not. Both run on the network thread.",
            series,
            [
                Verdict.AtLeast("attach, engine against nft", series[2].Median / series[0].Median, TargetRatio),
                Verdict.AtLeast("detach, engine against nft", series[3].Median / series[1].Median, TargetRatio),
                Verdict.AtMost($"attach, with {Many} VMs against with none", full.Median / empty.Median, TargetFlat),
            ]);

        // Without programs in between, which leave the caches cold.
        Series Alone(string when) => Sampler.Interleave(5, samples, candidates[..2])[0] with { Name = $"engine: attach again and again, {when}" };
    }

    private static FirewallEntry Entry(int slot) => new()
    {
        LinkName = FormattableString.Invariant($"mvm{slot:x8}"),
        U4 = IPAddress.Parse(FormattableString.Invariant($"198.18.{128 + (slot >> 8)}.{slot & 255}")),
        U6 = IPAddress.Parse(FormattableString.Invariant($"fd6d:6963:766e::{slot:x}")),
        Ports = [new PublishedPort("127.0.0.1", 10_000 + slot, 80), new PublishedPort("0.0.0.0", 30_000 + slot, 80)],
    };

    private static double Time(PrivateHost host, Action<HostSockets> action)
    {
        double time = 0;
        host.Network.Run(sockets => time = Sampler.Time(() => action(sockets)));
        return time;
    }

    private static void Run(string nft, string verb, int slot)
    {
        FirewallEntry entry = Entry(slot);
        string text = string.Create(null, $$"""
            {{verb}} element inet microvm sources4 { "{{entry.LinkName}}" : {{entry.U4}} }
            {{verb}} element inet microvm sources6 { "{{entry.LinkName}}" : {{entry.U6}} }
            {{verb}} element inet microvm links-internet { "{{entry.LinkName}}" }
            {{verb}} element inet microvm ports4 { 127.0.0.1 . tcp . {{entry.Ports[0].HostPort}} : {{entry.U4}} . 80 }
            {{verb}} element inet microvm all-ports4 { tcp . {{entry.Ports[1].HostPort}} : {{entry.U4}} . 80 }

            """);
        (ProcessExit? exit, string words) = ThreadTool.Run(nft, ["-f", "-"], text, s_limit);
        if (exit?.Code != 0)
        {
            throw new InvalidOperationException(words);
        }
    }
}
