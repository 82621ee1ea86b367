namespace MicroVm.Engine.Snapshots;

/// <summary>A saved point of a VM: memory, device state and disk. Plain values only.</summary>
/// <remarks>There is deliberately no property called Id: a snapshot piped to a VM cmdlet must not bind as a VM's id.</remarks>
public sealed record Snapshot
{
    /// <summary>The name, unique among the snapshots of its VM without regard to case.</summary>
    public required string Name { get; init; }

    /// <summary>The identity of the snapshot.</summary>
    public required Guid SnapshotId { get; init; }

    /// <summary>The name of the VM it was taken of; of one that was removed, the name it had then.</summary>
    public required string VMName { get; init; }

    /// <summary>The id of the VM it was taken of.</summary>
    public required Guid VMId { get; init; }

    /// <summary>What the user wrote about it, or null.</summary>
    public string? Description { get; init; }

    /// <summary>When it was taken.</summary>
    public DateTimeOffset CreatedAt { get; init; }

    /// <summary>The snapshot that the VM's memory was restored from when this one was taken, or null.</summary>
    public Guid? ParentSnapshotId { get; init; }

    /// <summary>The VMM it was taken with.</summary>
    public HypervisorKind Hypervisor { get; init; }

    /// <summary>The VMM's program that was chosen for the VM, or null for the one that is installed; a restore takes the same.</summary>
    public string? HypervisorPath { get; init; }

    /// <summary>The version of that VMM.</summary>
    public required string HypervisorVersion { get; init; }

    /// <summary>How guest code was executed.</summary>
    public AcceleratorKind Accelerator { get; init; }

    /// <summary>The number of vCPUs.</summary>
    public int CpuCount { get; init; }

    /// <summary>The guest's memory in bytes.</summary>
    public long MemoryBytes { get; init; }

    /// <summary>The image the VM was made from, or null.</summary>
    public string? Image { get; init; }

    /// <summary>What the snapshot takes on the host's disk, in bytes.</summary>
    public long SizeBytes { get; init; }

    /// <summary>How long the guest stood still while it was taken; zero when it was paused already.</summary>
    public TimeSpan PauseDuration { get; init; }

    /// <summary>The directory that holds its files.</summary>
    public required string Path { get; init; }

    /// <summary>"Ok", or what is wrong with its manifest.</summary>
    public string Status { get; init; } = "Ok";

    /// <inheritdoc/>
    public override string ToString() => Name;
}
