namespace MicroVm.Engine.State;

/// <summary>The machine a VMM is asked to be.</summary>
internal sealed record MachineHardware
{
    /// <summary>The VMM; never <see cref="HypervisorKind.Auto"/>.</summary>
    public required HypervisorKind Hypervisor { get; init; }

    /// <summary>The VMM's program, an absolute path; null for the one that is installed.</summary>
    public string? HypervisorPath { get; init; }

    /// <summary>How guest code shall be executed; <see cref="AcceleratorKind.Auto"/> is decided at each start.</summary>
    public required AcceleratorKind Accelerator { get; init; }

    /// <summary>The number of vCPUs.</summary>
    public required int CpuCount { get; init; }

    /// <summary>Memory in bytes.</summary>
    public required long MemoryBytes { get; init; }

    /// <summary>Size of the writable disk in bytes; 0 for none.</summary>
    public required long DiskBytes { get; init; }

    /// <summary>Whether it has a port for the guest agent; machines recorded before there was one have none.</summary>
    public bool HasAgentPort { get; init; }

    /// <summary>
    /// How many ports it has that network interfaces can be plugged into while it runs; all its interfaces are in ports then. 0 is for machines recorded before there
    /// were any, and for VMMs without.
    /// </summary>
    public int HotPlugPorts { get; init; }

    /// <summary>The network interfaces, in the order in which the guest numbers them.</summary>
    public IReadOnlyList<MachineInterface> Interfaces { get; init; } = [];
}
