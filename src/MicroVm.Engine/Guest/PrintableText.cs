using System.Globalization;

namespace MicroVm.Engine.Guest;

/// <summary>Text of a guest for messages: names and errors that cannot act on the terminal that shows them.</summary>
internal static class PrintableText
{
    // What a guest says at greater length is no message.
    private const int Longest = 300;

    /// <summary>The text with its control characters made visible, as "\x0a", and cut off where it is too long to be read.</summary>
    public static string Of(string text)
    {
        string shown = text.Length > Longest ? text[..Longest] + "..." : text;
        return shown.Any(char.IsControl)
            ? string.Concat(shown.Select(character => char.IsControl(character) ? string.Create(CultureInfo.InvariantCulture, $"\\x{(int)character:x2}") : character.ToString()))
            : shown;
    }
}
