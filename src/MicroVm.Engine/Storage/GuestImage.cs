namespace MicroVm.Engine.Storage;

/// <summary>An installed image: a kernel and, each optional, an initramfs and a read-only root file system. Plain values only.</summary>
public sealed record GuestImage
{
    /// <summary>The name, unique without regard to case.</summary>
    public required string Name { get; init; }

    /// <summary>"sha256:" and the digest of the image's manifest: it changes when any part changes.</summary>
    public required string Digest { get; init; }

    /// <summary>What it is, in a sentence.</summary>
    public string? Description { get; init; }

    /// <summary>The kernel's release, such as "6.1.0-56-cloud-amd64", or null.</summary>
    public string? KernelVersion { get; init; }

    /// <summary>When it was installed.</summary>
    public DateTimeOffset CreatedAt { get; init; }

    /// <summary>What its files take, in bytes.</summary>
    public long SizeBytes { get; init; }

    /// <summary>The least guest memory it boots with, in bytes.</summary>
    public long MinimumMemoryBytes { get; init; }

    /// <summary>The directory that holds its files.</summary>
    public required string Path { get; init; }

    /// <summary>The kernel file (an ELF vmlinux where it could be extracted, else a bzImage).</summary>
    public required string KernelPath { get; init; }

    /// <summary>The initramfs file, or null.</summary>
    public string? InitramfsPath { get; init; }

    /// <summary>The read-only root file system, or null.</summary>
    public string? RootDiskPath { get; init; }

    /// <summary>"Ok", or what is wrong with its manifest.</summary>
    public string Status { get; init; } = "Ok";

    /// <inheritdoc/>
    public override string ToString() => Name;
}
