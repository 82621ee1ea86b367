namespace MicroVm.Engine.Guest.Files;

/// <summary>What was copied.</summary>
public sealed record GuestCopyResult
{
    /// <summary>The VM's name.</summary>
    public required string VMName { get; init; }

    /// <summary>The VM's id.</summary>
    public required Guid VMId { get; init; }

    /// <summary>Whether it came from the guest; otherwise it went there.</summary>
    public required bool FromGuest { get; init; }

    /// <summary>The file or directory that was copied, as it was given.</summary>
    public required string Source { get; init; }

    /// <summary>Its copy.</summary>
    public required string Destination { get; init; }

    /// <summary>How many regular files it has; directories and links are not counted.</summary>
    public required int Files { get; init; }

    /// <summary>How many bytes they have together.</summary>
    public required long Bytes { get; init; }

    /// <summary>How long it took.</summary>
    public required TimeSpan Duration { get; init; }
}
