namespace MicroVm.Engine.Guest.Commands;

/// <summary>A command to run in a guest: a program, or a script. It runs as root, in <c>/</c>, unless it says otherwise.</summary>
public sealed record GuestCommand
{
    /// <summary>The program, looked for in the agent's PATH unless it has a slash; null with <see cref="Script"/>.</summary>
    public string? FilePath { get; init; }

    /// <summary>What follows the program's name; or the script's <c>$1</c>, <c>$2</c> and so on.</summary>
    public IReadOnlyList<string> ArgumentList { get; init; } = [];

    /// <summary>The text of a script, at most 64 KiB; null with <see cref="FilePath"/>.</summary>
    public string? Script { get; init; }

    /// <summary>The shell that runs the script.</summary>
    public string Shell { get; init; } = "sh";

    /// <summary>Variables to set, beside those of the agent.</summary>
    public IReadOnlyDictionary<string, string> Environment { get; init; } = new Dictionary<string, string>();

    /// <summary>The directory to run in; null for <c>/</c>.</summary>
    public string? WorkingDirectory { get; init; }

    /// <summary>The user to run as; null for the agent's, root.</summary>
    public string? User { get; init; }

    /// <summary>The standard input; empty for none.</summary>
    public ReadOnlyMemory<byte> Input { get; init; }

    /// <summary>After this time the command and all its processes are ended; null for no limit.</summary>
    public TimeSpan? Timeout { get; init; }

    /// <inheritdoc/>
    public override string ToString() => Script ?? string.Join(' ', [FilePath, .. ArgumentList]);
}
