using System.Collections;
using System.Management.Automation;

namespace MicroVm.Commands;

/// <summary>Tags as PowerShell writes them: a hashtable, whose keys and values may be anything that has a text.</summary>
internal static class TagTable
{
    /// <summary>The tags in a table; a value that is null is an empty text.</summary>
    public static IReadOnlyDictionary<string, string> Read(IDictionary table) => table.Cast<DictionaryEntry>().ToDictionary(entry => Text(entry.Key), entry => Text(entry.Value));

    /// <summary>Whether tags have all pairs of a table, whose values may have wildcards; of several values for a key, one has to fit.</summary>
    public static bool Fits(IDictionary table, IReadOnlyDictionary<string, string> tags) => table.Cast<DictionaryEntry>().All(entry =>
        tags.TryGetValue(Text(entry.Key), out string? value)
        && (LanguagePrimitives.GetEnumerable(entry.Value)?.Cast<object?>() ?? [entry.Value])
            .Any(pattern => new WildcardPattern(Text(pattern), WildcardOptions.IgnoreCase).IsMatch(value)));

    private static string Text(object? value) => LanguagePrimitives.ConvertTo<string>(value) ?? string.Empty;
}
