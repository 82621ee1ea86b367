using System.Globalization;

namespace MicroVm.Engine.Guest.Fixups;

/// <summary>A guest's clock, before and after it was set. Positive offsets are ahead of the host.</summary>
/// <param name="Before">How far it was off.</param>
/// <param name="After">How far it is off now.</param>
/// <param name="Refusal">What the agent said instead of setting it, or null.</param>
internal sealed record ClockSetting(TimeSpan Before, TimeSpan After, string? Refusal)
{
    // What is worse was not set; what is better was, even if the agent complains: it does when the guest has no hardware clock.
    private static readonly TimeSpan s_tolerance = TimeSpan.FromSeconds(1);

    /// <summary>Whether the clock shows the time.</summary>
    public bool IsRight => After.Duration() < s_tolerance;

    /// <inheritdoc/>
    public override string ToString() => IsRight ? $"Was {Text(Before)}, is {Text(After)}." : $"Is {Text(After)}. {Refusal}".TrimEnd();

    private static string Text(TimeSpan offset) => string.Create(
        CultureInfo.InvariantCulture, $"{Math.Abs(offset.TotalSeconds):0.0000} s {(offset < TimeSpan.Zero ? "behind" : "ahead")}");
}
