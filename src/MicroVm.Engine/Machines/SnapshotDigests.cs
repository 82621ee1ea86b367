namespace MicroVm.Engine.Machines;

/// <summary>The digests of a snapshot's files, and of what its VM boots.</summary>
internal sealed record SnapshotDigests
{
    /// <summary>Those of files that nobody will check, because they are soon gone.</summary>
    public static SnapshotDigests None { get; } = new() { Memory = "", DeviceState = "", Disk = "", Kernel = "" };

    /// <summary>That of the memory.</summary>
    public required string Memory { get; init; }

    /// <summary>That of the state of devices and vCPUs.</summary>
    public required string DeviceState { get; init; }

    /// <summary>That of the disk; empty when there is none.</summary>
    public required string Disk { get; init; }

    /// <summary>That of the kernel.</summary>
    public required string Kernel { get; init; }

    /// <summary>That of the initramfs, or null.</summary>
    public string? Initramfs { get; init; }
}
