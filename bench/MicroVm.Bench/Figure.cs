namespace MicroVm.Bench;

/// <summary>What was measured together, in one interleaved run.</summary>
/// <param name="Id">A short name, such as "spawn".</param>
/// <param name="Title">What it is about.</param>
/// <param name="Method">How it was measured, in a few sentences.</param>
/// <param name="Series">The samples.</param>
/// <param name="Verdicts">What follows from them.</param>
internal sealed record Figure(string Id, string Title, string Method, IReadOnlyList<Series> Series, IReadOnlyList<Verdict> Verdicts);

/// <summary>A statement computed from medians of one run.</summary>
/// <param name="Text">What is compared.</param>
/// <param name="Value">The outcome, with its unit.</param>
/// <param name="Target">What it shall be; null for information only.</param>
/// <param name="Met">Whether it is; null for information only.</param>
internal sealed record Verdict(string Text, string Value, string? Target = null, bool? Met = null)
{
    /// <summary>A ratio that shall be at least <paramref name="target"/>.</summary>
    public static Verdict AtLeast(string text, double ratio, double target) =>
        new(text, FormattableString.Invariant($"{ratio:0.0} ×"), FormattableString.Invariant($"≥ {target:0.##} ×"), ratio >= target);

    /// <summary>A ratio that shall be at most <paramref name="target"/>.</summary>
    public static Verdict AtMost(string text, double ratio, double target) =>
        new(text, FormattableString.Invariant($"{ratio:0.00} ×"), FormattableString.Invariant($"≤ {target:0.##} ×"), ratio <= target);

    /// <summary>A ratio, for information.</summary>
    public static Verdict Ratio(string text, double ratio) => new(text, FormattableString.Invariant($"{ratio:0.0} ×"));

    /// <summary>A time, for information.</summary>
    public static Verdict Time(string text, double milliseconds) => new(text, FormattableString.Invariant($"{milliseconds:0.0} ms"));
}
