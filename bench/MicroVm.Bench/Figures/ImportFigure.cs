using MicroVm.Bench.Baselines;

namespace MicroVm.Bench.Figures;

/// <summary>What importing the module adds to the start of PowerShell.</summary>
internal static class ImportFigure
{
    private const double TargetRatio = 1.3;

    /// <summary>Takes the figure.</summary>
    public static Figure Take(Workshop workshop)
    {
        string import = $"Import-Module '{workshop.Module}'; exit";
        List<Series> series = Sampler.Interleave(
            3,
            workshop.Options.Samples(30),
            Candidate.Baseline("pwsh -NoProfile -c exit", () => Sampler.Time(() => Processes.Run(Pwsh.Program, "-NoProfile", "-c", "exit"))),
            Candidate.Ours("pwsh -NoProfile -c 'Import-Module MicroVm; exit'", () => Sampler.Time(() => Processes.Run(Pwsh.Program, "-NoProfile", "-c", import))));
        return new Figure(
            "import",
            "Import the module",
            "From the start of a pwsh process to its end.",
            series,
            [Verdict.AtMost("with the module against without", series[1].Median / series[0].Median, TargetRatio)]);
    }
}
