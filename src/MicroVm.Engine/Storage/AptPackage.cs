using System.Globalization;
using System.Text.RegularExpressions;

namespace MicroVm.Engine.Storage;

/// <summary>A package the distribution's archive offers.</summary>
/// <param name="Name">Its name.</param>
/// <param name="Version">Its version, with the epoch.</param>
/// <param name="FileName">The name <c>apt-get download</c> gives its file.</param>
/// <param name="Bytes">The length of that file.</param>
internal sealed partial record AptPackage(string Name, string Version, string FileName, long Bytes)
{
    /// <summary>Reads what <c>apt-get download --print-uris</c> writes: a line per package with address, file name, length and digest.</summary>
    public static IReadOnlyList<AptPackage> ParseUris(string text)
    {
        List<AptPackage> packages = [];
        foreach (Match match in UriLine().Matches(text))
        {
            string file = match.Groups["file"].Value;
            string[] parts = file.Split('_');
            long bytes = long.Parse(match.Groups["bytes"].ValueSpan, CultureInfo.InvariantCulture);
            packages.Add(new AptPackage(parts[0], Uri.UnescapeDataString(parts.ElementAtOrDefault(1) ?? ""), file, bytes));
        }

        return packages;
    }

    /// <summary>
    /// Reads what <c>apt-cache depends</c> writes: each package at the beginning of a line, the ones it depends on indented below it. Virtual packages, in
    /// angle brackets, are left out.
    /// </summary>
    public static IReadOnlyDictionary<string, IReadOnlyList<string>> ParseDepends(string text)
    {
        Dictionary<string, IReadOnlyList<string>> graph = [];
        List<string> present = [];
        foreach (string line in text.Split('\n', StringSplitOptions.RemoveEmptyEntries))
        {
            if (!char.IsWhiteSpace(line[0]))
            {
                present = [];
                graph[line.Trim()] = present;
            }
            else if (DependsLine().Match(line) is { Success: true } match)
            {
                present.Add(match.Groups["name"].Value);
            }
        }

        return graph;
    }

    [GeneratedRegex(@"^'[^']+' (?<file>\S+) (?<bytes>[0-9]+)", RegexOptions.Multiline | RegexOptions.CultureInvariant)]
    private static partial Regex UriLine();

    [GeneratedRegex(@"^\s\|?\s*(Pre)?Depends: (?<name>[a-z0-9][a-z0-9+.-]*)", RegexOptions.CultureInvariant)]
    private static partial Regex DependsLine();
}
