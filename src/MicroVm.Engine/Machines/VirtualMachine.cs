using MicroVm.Engine.State;

namespace MicroVm.Engine.Machines;

/// <summary>
/// A VM as it was when this object was made: plain values only, so it survives jobs, remoting and JSON.
/// Ask the engine again for its present state.
/// </summary>
public sealed record VirtualMachine
{
    /// <summary>The name, as the user typed it; unique without regard to case.</summary>
    public required string Name { get; init; }

    /// <summary>The identity; it never changes and is never reused.</summary>
    public required Guid Id { get; init; }

    /// <summary>What the user wrote about it, or null.</summary>
    public string? Description { get; init; }

    /// <summary>The user's tags, in the order of their keys, which are found without regard to case.</summary>
    public IReadOnlyDictionary<string, string> Tags { get; init; } = MachineLabels.None;

    /// <summary>The state when this object was made.</summary>
    public required VmState State { get; init; }

    /// <summary>Why the state is what it is, where that is not plain; else null.</summary>
    public string? StatusDetail { get; init; }

    /// <summary>Whether the VM is removed when the process ends that made it.</summary>
    public bool IsEphemeral { get; init; }

    /// <summary>The VMM.</summary>
    public HypervisorKind Hypervisor { get; init; }

    /// <summary>The VMM's program that was chosen for it, or null for the one that is installed.</summary>
    public string? HypervisorPath { get; init; }

    /// <summary>The version of the VMM that runs or last ran it; null before the first start.</summary>
    public string? HypervisorVersion { get; init; }

    /// <summary>How guest code is executed; <see cref="AcceleratorKind.Auto"/> before the first start.</summary>
    public AcceleratorKind Accelerator { get; init; }

    /// <summary>The number of vCPUs.</summary>
    public int CpuCount { get; init; }

    /// <summary>The guest's memory in bytes.</summary>
    public long MemoryBytes { get; init; }

    /// <summary>The size of its own writable disk in bytes, as the guest sees it; 0 when it has none.</summary>
    public long DiskBytes { get; init; }

    /// <summary>The name of the image it boots, or null when it was made from files.</summary>
    public string? Image { get; init; }

    /// <summary>The kernel file it boots.</summary>
    public string? KernelPath { get; init; }

    /// <summary>The host name the guest was given, or null when it was given none.</summary>
    public string? Hostname { get; init; }

    /// <summary>The address at which the VM is known on the host and in its named network, of its first interface that has one; or null.</summary>
    public string? IPAddress { get; init; }

    /// <summary>Its network interfaces, in the order in which the guest numbers them.</summary>
    public IReadOnlyList<NetworkInterface> NetworkInterfaces { get; init; } = [];

    /// <summary>The host's ports that lead to the guest's.</summary>
    public IReadOnlyList<PublishedPort> PublishedPorts { get; init; } = [];

    /// <summary>Where the guest may go, as text; null where no policy of ours holds.</summary>
    public string? EgressPolicy { get; init; }

    /// <summary>The snapshot its memory came from, or null when it booted.</summary>
    public Guid? RestoredFromSnapshotId { get; init; }

    /// <summary>What was put right in the guest after it was restored, in the order it was done; empty when it booted.</summary>
    public IReadOnlyList<GuestFixup> Fixups { get; init; } = [];

    /// <summary>When it was created, with the host's offset.</summary>
    public DateTimeOffset CreatedAt { get; init; }

    /// <summary>When the present VMM process was started, or null.</summary>
    public DateTimeOffset? StartedAt { get; init; }

    /// <summary>How long the present VMM process had lived when this object was made, or null.</summary>
    public TimeSpan? Uptime { get; init; }

    /// <summary>The VMM's process id, or null.</summary>
    public int? ProcessId { get; init; }

    /// <summary>Exit status of the last VMM process, such as "exit code 1" or "signal SIGKILL"; null when none ended or nobody could tell.</summary>
    public string? LastExit { get; init; }

    /// <summary>
    /// What was said last before the last VMM process ended whose end was seen: some lines of the guest's console, then of the VMM's log; null when there are none.
    /// </summary>
    public string? LastWords { get; init; }

    /// <summary>The file that holds all the guest wrote to its serial console.</summary>
    public string? SerialLogPath { get; init; }

    /// <summary>The Unix socket of the serial console (one client at a time), or null when the VM does not run.</summary>
    public string? SerialSocketPath { get; init; }

    /// <inheritdoc/>
    public override string ToString() => Name;
}
