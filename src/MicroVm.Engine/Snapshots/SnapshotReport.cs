namespace MicroVm.Engine.Snapshots;

/// <summary>Whether a snapshot is whole and fits this host. Plain values only.</summary>
public sealed record SnapshotReport
{
    /// <summary>The snapshot's name.</summary>
    public required string Name { get; init; }

    /// <summary>The snapshot's identity.</summary>
    public required Guid SnapshotId { get; init; }

    /// <summary>The name of the VM it was taken of.</summary>
    public required string VMName { get; init; }

    /// <summary>Whether all that belongs to it is there and has the recorded digest.</summary>
    public required bool IsIntact { get; init; }

    /// <summary>Whether it can be restored on this host: architecture, VMM, CPU, and what the VM boots.</summary>
    public required bool FitsHost { get; init; }

    /// <summary>What was checked, in the order it was done.</summary>
    public required IReadOnlyList<SnapshotFinding> Findings { get; init; }

    /// <summary>Whether it can be restored here.</summary>
    public bool IsOk => IsIntact && FitsHost;
}
