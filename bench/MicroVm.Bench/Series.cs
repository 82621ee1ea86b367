namespace MicroVm.Bench;

/// <summary>Samples in milliseconds, in the order they were taken.</summary>
/// <param name="Name">What was measured.</param>
/// <param name="Samples">The samples.</param>
/// <param name="IsBaseline">Whether it is what the engine is held against.</param>
internal sealed record Series(string Name, IReadOnlyList<double> Samples, bool IsBaseline = false)
{
    /// <summary>The middle sample, or the mean of the two middle ones.</summary>
    public double Median => Quantile(0.5);

    /// <summary>The shortest.</summary>
    public double Best => Samples.Min();

    /// <summary>The longest.</summary>
    public double Worst => Samples.Max();

    /// <summary>The sample below which the given share of all lies, interpolated.</summary>
    public double Quantile(double share)
    {
        double[] sorted = [.. Samples.Order()];
        double position = share * (sorted.Length - 1);
        int below = (int)position;
        int above = Math.Min(below + 1, sorted.Length - 1);
        return sorted[below] + ((sorted[above] - sorted[below]) * (position - below));
    }
}
