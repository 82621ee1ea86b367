namespace MicroVm.Engine.Snapshots;

/// <summary>What came of one check of a snapshot.</summary>
public sealed record SnapshotFinding
{
    /// <summary>What was checked: "Manifest", "Memory", "DeviceState", "Disk", "Configuration", "Kernel", "Initramfs", "RootDisk", "Host" or "Hypervisor".</summary>
    public required string Name { get; init; }

    /// <summary>Whether it is as it should be.</summary>
    public required bool IsOk { get; init; }

    /// <summary>What was found.</summary>
    public required string Detail { get; init; }

    /// <inheritdoc/>
    public override string ToString() => IsOk ? $"{Name}: OK" : $"{Name}: {Detail}";
}
