using MicroVm.Engine.State;

namespace MicroVm.Engine.Snapshots;

/// <summary>All that is recorded of a snapshot; written last, so that a snapshot with a manifest is whole.</summary>
internal sealed record SnapshotManifest
{
    /// <summary>The version of this format that the engine writes.</summary>
    public const int CurrentVersion = 1;

    /// <summary>The format's version.</summary>
    public required int Version { get; init; }

    /// <summary>The snapshot's identity.</summary>
    public required Guid Id { get; init; }

    /// <summary>The snapshot's name as typed.</summary>
    public required string Name { get; init; }

    /// <summary>What the user wrote about it.</summary>
    public string? Description { get; init; }

    /// <summary>The VM it was taken of.</summary>
    public required Guid MachineId { get; init; }

    /// <summary>That VM's name.</summary>
    public required string MachineName { get; init; }

    /// <summary>What the user had written about that VM, for its clones.</summary>
    public string? MachineDescription { get; init; }

    /// <summary>That VM's tags, for its clones.</summary>
    public IReadOnlyDictionary<string, string> MachineTags { get; init; } = MachineLabels.None;

    /// <summary>When it was taken.</summary>
    public required DateTimeOffset CreatedAt { get; init; }

    /// <summary>How long the guest stood still for it.</summary>
    public required TimeSpan PauseDuration { get; init; }

    /// <summary>The snapshot the VM's memory came from, or null.</summary>
    public Guid? ParentId { get; init; }

    /// <summary>The machine.</summary>
    public required MachineHardware Hardware { get; init; }

    /// <summary>What the VM boots when it is started anew.</summary>
    public required BootSource Boot { get; init; }

    /// <summary>What the guest took its interfaces for, where it had not been told yet what they are; else null.</summary>
    public IReadOnlyList<MachineInterface>? FormerInterfaces { get; init; }

    /// <summary>What the host kept for the VM's network; null without one. A VM that is rolled back keeps its own, a clone is given its own.</summary>
    public MachineNetwork? Network { get; init; }

    /// <summary>SHA-256 of the kernel file, which the VMM loads again for its layout.</summary>
    public required string KernelDigest { get; init; }

    /// <summary>SHA-256 of the initramfs, or null.</summary>
    public string? InitramfsDigest { get; init; }

    /// <summary>Whether the guest was past its ready marker.</summary>
    public required bool GuestWasReady { get; init; }

    /// <summary>Whether the guest's agent answered; null when it was not asked, as that of a paused guest, or by an engine that did not know of it.</summary>
    public bool? AgentAnswered { get; init; }

    /// <summary>Whether the guest's workload is frozen in it, and goes on when it is thawed after a restore.</summary>
    public bool WorkloadFrozen { get; init; }

    /// <summary>Whether the guest is that of a clone which had not been told so yet.</summary>
    public bool IdentityDue { get; init; }

    /// <summary>The host it was taken on.</summary>
    public required SnapshotHost Host { get; init; }

    /// <summary>The guest's memory.</summary>
    public required SnapshotFile Memory { get; init; }

    /// <summary>The state of devices and vCPUs.</summary>
    public required SnapshotFile DeviceState { get; init; }

    /// <summary>The writable disk, or null.</summary>
    public SnapshotFile? Disk { get; init; }
}

/// <summary>What a host must have to go on with a snapshot.</summary>
internal sealed record SnapshotHost
{
    /// <summary>The machine architecture, such as "X64".</summary>
    public required string Architecture { get; init; }

    /// <summary>The VMM's version.</summary>
    public required string HypervisorVersion { get; init; }

    /// <summary>The exact machine type.</summary>
    public required string MachineType { get; init; }

    /// <summary>How guest code was executed.</summary>
    public required AcceleratorKind Accelerator { get; init; }

    /// <summary>The CPU the guest saw: the VMM's own model, or the host's.</summary>
    public required string CpuModel { get; init; }
}

/// <summary>A file of a snapshot.</summary>
/// <param name="Name">Its name in the snapshot's directory.</param>
/// <param name="Bytes">Its length.</param>
/// <param name="Digest">SHA-256 of the content ("sha256:…"), or for big sparse files of the digests of its 2 MiB blocks ("sha256-blocks:…").</param>
internal sealed record SnapshotFile(string Name, long Bytes, string Digest);
