using System.Globalization;
using System.Text.RegularExpressions;

namespace MicroVm.Commands;

/// <summary>Makes text of a guest harmless to the terminal that shows it.</summary>
public static partial class TerminalText
{
    /// <summary>Takes escape sequences out and makes other control characters but the tab visible, as "\x07".</summary>
    public static string Neutralise(string line)
    {
        string text = line.TrimEnd('\r');
        return text.Any(IsUnsafe) ? Control().Replace(EscapeSequence().Replace(text, string.Empty), MakeVisible) : text;
    }

    /// <summary>As <see cref="Neutralise"/>, line by line.</summary>
    public static string NeutraliseLines(string text) =>
        text.Any(c => c != '\n' && IsUnsafe(c)) ? string.Join('\n', text.Split('\n').Select(Neutralise)) : text;

    // The latter turn the direction of what follows, or end a line where no line feed is.
    private static bool IsUnsafe(char c) => (char.IsControl(c) && c != '\t') || c is (>= '\u202a' and <= '\u202e') or (>= '\u2066' and <= '\u2069') or '\u2028' or '\u2029';

    private static string MakeVisible(Match match) => string.Create(CultureInfo.InvariantCulture, $"\\x{(int)match.Value[0]:x2}");

    // ECMA-48: control sequences; strings (DCS, SOS, OSC, PM, APC) up to their terminator; other escapes. Each introducer has a form of two
    // characters and one of one. What is never terminated loses its introducer only.
    [GeneratedRegex(
        @"(?:\x1b\[|\x9b)[\x30-\x3f]*[\x20-\x2f]*[\x40-\x7e]"
        + @"|(?:\x1b[PX\]^_]|[\x90\x98\x9d-\x9f])[^\x07\x1b\x9c]*(?:\x07|\x9c|\x1b\\)"
        + @"|\x1b[\x20-\x2f]*[\x30-\x7e]?",
        RegexOptions.CultureInvariant)]
    private static partial Regex EscapeSequence();

    [GeneratedRegex(@"[\x00-\x08\x0a-\x1f\x7f-\x9f\u2028-\u202e\u2066-\u2069]", RegexOptions.CultureInvariant)]
    private static partial Regex Control();
}
