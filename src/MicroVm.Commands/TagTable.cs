using System.Collections;
using System.Management.Automation;
using MicroVm.Engine.Errors;

namespace MicroVm.Commands;

/// <summary>Tags as PowerShell writes them: a hashtable, whose keys and values may be anything that has a text.</summary>
internal static class TagTable
{
    /// <summary>The tags in a table; a value that is null is an empty text.</summary>
    /// <exception cref="MicroVmException"><see cref="ErrorIds.InvalidMicroVmSpec"/>: two keys have the same text, such as 1 and "1".</exception>
    public static IReadOnlyDictionary<string, string> Read(IDictionary table)
    {
        Dictionary<string, string> tags = [];
        foreach (DictionaryEntry entry in Entries(table))
        {
            string key = Text(entry.Key);
            if (!tags.TryAdd(key, Text(entry.Value)))
            {
                throw new MicroVmException(ErrorIds.InvalidMicroVmSpec, ErrorKind.InvalidArgument, $"The tag '{key}' is given twice, by keys of other types.")
                {
                    Target = key,
                    RecommendedAction = "Give each tag once.",
                };
            }
        }

        return tags;
    }

    /// <summary>Whether tags have all pairs of a table, whose values may have wildcards; of several values for a key, one has to fit.</summary>
    public static bool Fits(IDictionary table, IReadOnlyDictionary<string, string> tags) => Entries(table).All(entry =>
        tags.TryGetValue(Text(entry.Key), out string? value)
        && (LanguagePrimitives.GetEnumerable(entry.Value)?.Cast<object?>() ?? [entry.Value])
            .Any(pattern => new WildcardPattern(Text(pattern), WildcardOptions.IgnoreCase).IsMatch(value)));

    // Not Cast: a generic dictionary, such as the tags of a VM, gives entries of another type there.
    private static IEnumerable<DictionaryEntry> Entries(IDictionary table)
    {
        IDictionaryEnumerator entries = table.GetEnumerator();
        while (entries.MoveNext())
        {
            yield return entries.Entry;
        }
    }

    private static string Text(object? value) => LanguagePrimitives.ConvertTo<string>(value) ?? string.Empty;
}
