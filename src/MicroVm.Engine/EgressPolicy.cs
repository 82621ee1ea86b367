namespace MicroVm.Engine;

/// <summary>Where a guest may go: rules, of which the first that fits decides, then a base.</summary>
/// <param name="Base">What holds where no rule fits.</param>
/// <param name="Rules">The rules, in order.</param>
public sealed record EgressPolicy(EgressBase Base, IReadOnlyList<EgressRule> Rules)
{
    /// <summary>What holds when nothing else is said.</summary>
    public static EgressPolicy Default { get; } = new(EgressBase.Internet, []);

    /// <summary>
    /// Reads the texts of a policy: rules, and at most one base, "Internet", "Open" or "None", wherever it stands. Rules without a base are all that is allowed; where they
    /// only deny, the base is "Internet".
    /// </summary>
    /// <returns>Null when one of them is neither.</returns>
    public static EgressPolicy? TryParse(IReadOnlyList<string> texts)
    {
        EgressBase? chosen = null;
        List<EgressRule> rules = [];
        foreach (string text in texts)
        {
            if (EgressRule.TryParse(text) is { } rule)
            {
                rules.Add(rule);
            }
            else if (chosen is null && text.Length > 0 && char.IsAsciiLetter(text[0]) && Enum.TryParse(text, ignoreCase: true, out EgressBase one))
            {
                chosen = one;
            }
            else
            {
                return null;
            }
        }

        return new EgressPolicy(chosen ?? (rules.Exists(rule => rule.Allows) ? EgressBase.None : EgressBase.Internet), rules);
    }

    /// <summary>The texts that <see cref="TryParse"/> reads.</summary>
    public IReadOnlyList<string> ToTexts() => [.. Rules.Select(rule => rule.ToString()), Base.ToString()];

    /// <summary>Two policies with equal rules are equal.</summary>
    public bool Equals(EgressPolicy? other) => other is not null && Base == other.Base && Rules.SequenceEqual(other.Rules);

    /// <inheritdoc/>
    public override int GetHashCode() => HashCode.Combine(Base, Rules.Count);

    /// <inheritdoc/>
    public override string ToString() => string.Join("; ", ToTexts());
}
