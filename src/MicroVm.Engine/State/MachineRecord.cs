using MicroVm.Engine.Native;

namespace MicroVm.Engine.State;

/// <summary>All that is recorded of a VM. Processes and sockets are the truth, this is the claim.</summary>
internal sealed record MachineRecord
{
    /// <summary>The version of this format that the engine writes.</summary>
    public const int CurrentVersion = 1;

    /// <summary>The format's version.</summary>
    public required int Version { get; init; }

    /// <summary>The VM's identity.</summary>
    public required Guid Id { get; init; }

    /// <summary>The VM's name as typed.</summary>
    public required string Name { get; init; }

    /// <summary>
    /// A name that the VM may hold besides its own, while it is renamed; null at rest. Whoever finds it set, with nobody at work, gives it back.
    /// </summary>
    public string? SpareName { get; init; }

    /// <summary>What the user wrote about it, or null.</summary>
    public string? Description { get; init; }

    /// <summary>The user's tags, in the order of their keys, which are found without regard to case.</summary>
    public IReadOnlyDictionary<string, string> Tags { get; init; } = MachineLabels.None;

    /// <summary>When it was created.</summary>
    public required DateTimeOffset CreatedAt { get; init; }

    /// <summary>The machine.</summary>
    public required MachineHardware Hardware { get; init; }

    /// <summary>What it boots.</summary>
    public required BootSource Boot { get; init; }

    /// <summary>The last state that was brought about.</summary>
    public required VmState State { get; init; }

    /// <summary>
    /// Whether it is not finished yet: its files need not be durable, and whoever asked for it has not been given it. With nobody at work it never will be.
    /// </summary>
    public bool IsBeingMade { get; init; }

    /// <summary>Why, where that is not plain.</summary>
    public string? StatusDetail { get; init; }

    /// <summary>The file name of its writable disk in the VM's directory, or null.</summary>
    public string? OverlayDisk { get; init; }

    /// <summary>The files in the VM's directory that have to be whole when the record is there.</summary>
    public IEnumerable<string> Files =>
    [
        .. OverlayDisk is { } disk ? (string[])[disk] : [],
        .. Boot.HasConfigurationDisk ? (string[])[BootSource.ConfigurationFile] : [],
    ];

    /// <summary>What the host keeps for its network; null without one.</summary>
    public MachineNetwork? Network { get; init; }

    /// <summary>The snapshot the memory came from, or null.</summary>
    public Guid? RestoredFromSnapshotId { get; init; }

    /// <summary>The present VMM process, or null.</summary>
    public MachineRun? Run { get; init; }

    /// <summary>
    /// The run directory of a VMM that is being started and is not the VM's yet; null at rest. Whoever finds it set, with nobody at work, ends that VMM.
    /// </summary>
    public string? PendingRunDirectory { get; init; }

    /// <summary>The process an ephemeral VM goes with; null for one that stays.</summary>
    public ProcessIdentity? OwnerProcess { get; init; }

    /// <summary>How the last VMM process ended, or null.</summary>
    public string? LastExit { get; init; }
}
