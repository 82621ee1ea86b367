using MicroVm.Bench.Baselines;
using MicroVm.Engine.Native;

namespace MicroVm.Bench.Figures;

/// <summary>What the packet filter's table costs the packets.</summary>
internal static class TrafficFigure
{
    private const double Target = 1.15;

    /// <summary>Takes the figure; empty where iperf3 is missing.</summary>
    public static Figure Take(Workshop workshop)
    {
        const string Title = "Send a gigabyte through the host";
        if (ProgramFinder.Find("iperf3") is null)
        {
            return new Figure("traffic", Title, "Not taken: iperf3 is not installed.", [], []);
        }

        using TrafficPath ours = new(filtered: true);
        using TrafficPath routed = new(filtered: false);
        List<Series> series = Sampler.Interleave(
            1,
            workshop.Options.Samples(12),
            Candidate.Ours("out, with the table", () => Sampler.Time(ours.SendOut)),
            Candidate.Baseline("out, routed only", () => Sampler.Time(routed.SendOut)),
            Candidate.Ours("in by a published port", () => Sampler.Time(ours.SendIn)),
            Candidate.Baseline("in, routed only", () => Sampler.Time(routed.SendIn)));
        return new Figure(
            "traffic",
            Title,
            $"iperf3 sends {TrafficPath.Amount} by one TCP connection between a guest and the world, three namespaces joined by veth pairs; its start and end are counted. With the "
            + "table, packets are translated twice each way (the guest's address, and masquerade or the published port), followed and judged. The baseline is routed with no packet "
            + "filter at all, which no host with guests could do: the world knows the guest's address.",
            series,
            [
                Verdict.AtMost("out, with the table against without", series[0].Median / series[1].Median, Target),
                Verdict.AtMost("in by a published port, against routed", series[2].Median / series[3].Median, Target),
            ]);
    }
}
