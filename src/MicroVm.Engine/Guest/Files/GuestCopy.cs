namespace MicroVm.Engine.Guest.Files;

/// <summary>What is to be copied between host and guest, and how.</summary>
public sealed record GuestCopy
{
    /// <summary>
    /// The file or directory to copy: a path of the host on the way to the guest, an absolute path of the guest on the way back. If it is itself a symbolic
    /// link, what it points to is copied.
    /// </summary>
    public required string Source { get; init; }

    /// <summary>
    /// Where it goes, on the other side: into it if it is a directory or ends in a slash, otherwise under this name. A missing directory that ends in a slash
    /// is made, with its parents.
    /// </summary>
    public required string Destination { get; init; }

    /// <summary>Whether a directory is copied with all that is in it. Without this, a directory is refused.</summary>
    public bool Recurse { get; init; }

    /// <summary>Whether files that nobody may write are replaced, too.</summary>
    public bool Force { get; init; }
}
