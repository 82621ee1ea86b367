using System.Management.Automation.Language;

namespace MicroVm.Commands.Completion;

/// <summary>Quotes what is completed as PowerShell needs it.</summary>
internal static class CompletionText
{
    /// <summary>The word without the quotes the user began it with.</summary>
    public static string Unquote(string? word) => (word ?? string.Empty).Trim('\'', '"');

    /// <summary>The name as an argument, in quotes where it would else mean something else.</summary>
    public static string Quote(string name) =>
        name.Length > 0 && name[0] != '-' && name.All(IsPlain) ? name : $"'{CodeGeneration.EscapeSingleQuotedStringContent(name)}'";

    private static bool IsPlain(char c) => char.IsAsciiLetterOrDigit(c) || c is '-' or '_' or '.' or ':';
}
