using System.Collections.ObjectModel;
using System.Globalization;
using MicroVm.Engine.Errors;

namespace MicroVm.Engine.State;

/// <summary>The rules for what users write about VMs, tags and descriptions, each with one message.</summary>
internal static class MachineLabels
{
    private const int MostTags = 64;
    private const int LongestKey = 128;
    private const int LongestValue = 256;
    private const int LongestDescription = 4096;

    /// <summary>No tags.</summary>
    public static IReadOnlyDictionary<string, string> None { get; } = ReadOnlyDictionary<string, string>.Empty;

    /// <summary>Checks tags, and gives them in the order of their keys, which are found without regard to case.</summary>
    /// <exception cref="MicroVmException"><see cref="ErrorIds.InvalidMicroVmSpec"/>.</exception>
    public static IReadOnlyDictionary<string, string> CheckTags(IReadOnlyDictionary<string, string> tags)
    {
        if (tags.Count > MostTags)
        {
            throw Invalid(tags.Count, Text($"There are {tags.Count} tags; a VM has at most {MostTags}."), "Keep what is long in a file, and its path in a tag.");
        }

        SortedDictionary<string, string> ordered = new(StringComparer.OrdinalIgnoreCase);
        foreach ((string key, string? value) in tags)
        {
            if (key.Length is 0 or > LongestKey || key.Any(char.IsControl))
            {
                throw Invalid(
                    key, Text($"The tag key '{Printable(key)}' is not 1 to {LongestKey} characters without control characters."), "Choose a key such as role.");
            }

            if (value is null || value.Length > LongestValue || value.Any(char.IsControl))
            {
                throw Invalid(
                    key, Text($"The value of tag '{key}' is not at most {LongestValue} characters without control characters."), "Choose a value such as web.");
            }

            if (!ordered.TryAdd(key, value))
            {
                throw Invalid(key, $"The tag '{key}' is given twice; case does not count.", "Give each tag once.");
            }
        }

        return InOrder(ordered);
    }

    /// <summary>Tags as they were recorded, in order.</summary>
    public static IReadOnlyDictionary<string, string> OfRecord(IReadOnlyDictionary<string, string> recorded)
    {
        SortedDictionary<string, string> ordered = new(StringComparer.OrdinalIgnoreCase);
        foreach ((string key, string value) in recorded)
        {
            ordered[key] = value;
        }

        return InOrder(ordered);
    }

    /// <summary>Checks a description; an empty one is none.</summary>
    /// <exception cref="MicroVmException"><see cref="ErrorIds.InvalidMicroVmSpec"/>.</exception>
    public static string? CheckDescription(string? description)
    {
        if (description is { Length: > LongestDescription } || (description?.Any(character => char.IsControl(character) && character is not ('\n' or '\r' or '\t')) ?? false))
        {
            throw Invalid(
                description.Length,
                Text($"The description is not at most {LongestDescription} characters without control characters other than line ends and tabs."),
                "Keep what is long in a file, and its path in the description.");
        }

        return string.IsNullOrEmpty(description) ? null : description;
    }

    // Read-only, so that an object that was emitted is not changed by who got it.
    private static IReadOnlyDictionary<string, string> InOrder(SortedDictionary<string, string> tags) =>
        tags.Count == 0 ? None : new ReadOnlyDictionary<string, string>(tags);

    private static string Printable(string key) => string.Concat(key.Take(LongestKey).Select(character => char.IsControl(character) ? '?' : character));

    private static string Text(FormattableString text) => text.ToString(CultureInfo.InvariantCulture);

    private static MicroVmException Invalid(object target, string message, string advice) =>
        new(ErrorIds.InvalidMicroVmSpec, ErrorKind.InvalidArgument, message) { Target = target, RecommendedAction = advice };
}
