using System.Text;
using System.Text.RegularExpressions;
using MicroVm.Engine.Errors;

namespace MicroVm.Engine.Guest.Commands;

/// <summary>The rules a command must keep, each with one message.</summary>
internal static partial class CommandRules
{
    // The kernel takes 128 KiB for one argument and a quarter of the stack for all.
    private const int LongestTextBytes = 64 << 10;
    private const int LongestArgumentsBytes = 1 << 20;

    /// <summary>Checks all that can be checked without the guest.</summary>
    /// <exception cref="MicroVmException"><see cref="ErrorIds.InvalidGuestCommand"/>.</exception>
    public static void Check(GuestCommand command)
    {
        Require((command.FilePath is null) != (command.Script is null), "A command is either a program or a script.");
        Require(command.FilePath is not "", "The program has no name.");
        Require(command.Shell is not "", "The shell has no name.");
        Require(command.User is null || UserName().IsMatch(command.User), $"'{command.User}' is not the name of a user.");
        Require(command.Timeout is null || command.Timeout > TimeSpan.Zero, "The limit of a command's time is not above zero.");
        foreach ((string name, string _) in command.Environment)
        {
            Require(VariableName().IsMatch(name), $"'{name}' is not the name of a variable.");
        }

        string[] texts =
        [
            command.FilePath ?? "", command.Script ?? "", command.Shell, command.WorkingDirectory ?? "", .. command.ArgumentList, .. command.Environment.Values,
        ];
        Require(!texts.Any(text => text.Contains('\0')), "A text with a zero character cannot be passed to a program.");
        Require(texts.All(text => Encoding.UTF8.GetByteCount(text) <= LongestTextBytes), $"A text is longer than the {LongestTextBytes >> 10} KiB that can be passed to a program.");
        Require(texts.Sum(text => (long)Encoding.UTF8.GetByteCount(text)) <= LongestArgumentsBytes, $"All arguments together are longer than {LongestArgumentsBytes >> 10} KiB.");
    }

    private static void Require(bool kept, string message)
    {
        if (!kept)
        {
            throw new MicroVmException(ErrorIds.InvalidGuestCommand, ErrorKind.InvalidArgument, message)
            {
                RecommendedAction = "Long texts go by standard input, or as a file: Copy-MicroVmItem.",
            };
        }
    }

    [GeneratedRegex("^[A-Za-z0-9_][A-Za-z0-9_.-]{0,31}$")]
    private static partial Regex UserName();

    [GeneratedRegex("^[A-Za-z_][A-Za-z0-9_]*$")]
    private static partial Regex VariableName();
}
