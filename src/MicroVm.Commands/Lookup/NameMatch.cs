using System.Management.Automation;

namespace MicroVm.Commands.Lookup;

/// <summary>Finds things by names and patterns, without regard to case.</summary>
internal static class NameMatch
{
    /// <summary>
    /// Hands out what the names and patterns match, in their order; a literal name without a match is written as a non-terminating error.
    /// </summary>
    public static IEnumerable<T> Find<T>(
        Cmdlet cmdlet, string[] names, IEnumerable<T> among, Func<T, string> nameOf, string errorId, string what)
    {
        List<T> all = [.. among];
        foreach (string name in names)
        {
            WildcardPattern pattern = Pattern(name);
            List<T> found = all.FindAll(thing => pattern.IsMatch(nameOf(thing)));
            if (found.Count == 0 && IsLiteral(name))
            {
                cmdlet.WriteError(ErrorRecords.NotFound(errorId, what, name));
            }

            foreach (T thing in found)
            {
                yield return thing;
            }
        }
    }

    /// <summary>Whether the name is no pattern.</summary>
    public static bool IsLiteral(string name) => !WildcardPattern.ContainsWildcardCharacters(name);

    /// <summary>The pattern of the name.</summary>
    public static WildcardPattern Pattern(string name) => new(name, WildcardOptions.IgnoreCase);
}
