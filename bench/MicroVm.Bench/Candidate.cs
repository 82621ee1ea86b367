namespace MicroVm.Bench;

/// <summary>Something to be measured.</summary>
/// <param name="Name">What it is called in the reports.</param>
/// <param name="Take">Does it once and says how many milliseconds it took; what surrounds it need not count.</param>
/// <param name="IsBaseline">Whether it is what the engine is held against.</param>
internal sealed record Candidate(string Name, Func<double> Take, bool IsBaseline)
{
    /// <summary>Something of ours.</summary>
    public static Candidate Ours(string name, Func<double> take) => new(name, take, false);

    /// <summary>Something to hold ours against.</summary>
    public static Candidate Baseline(string name, Func<double> take) => new(name, take, true);
}
