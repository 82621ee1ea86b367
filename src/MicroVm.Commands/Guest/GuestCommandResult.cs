namespace MicroVm.Commands.Guest;

/// <summary>What came of a command in a guest.</summary>
public sealed record GuestCommandResult
{
    /// <summary>The VM's name.</summary>
    public required string VMName { get; init; }

    /// <summary>The VM's id.</summary>
    public required Guid VMId { get; init; }

    /// <summary>The command's exit code; 128 and the signal's number where a signal ended it.</summary>
    public required int ExitCode { get; init; }

    /// <summary>What it wrote to its standard output; null with <see cref="StandardOutputBytes"/>.</summary>
    public string? StandardOutput { get; init; }

    /// <summary>What it wrote to its standard error.</summary>
    public required string StandardError { get; init; }

    /// <summary>What it wrote to its standard output, as bytes; null unless asked for.</summary>
    public byte[]? StandardOutputBytes { get; init; }

    /// <summary>How long it took, as the host saw it.</summary>
    public required TimeSpan Duration { get; init; }
}
