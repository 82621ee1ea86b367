using Microsoft.Win32.SafeHandles;

namespace MicroVm.Engine.Vmm;

/// <summary>The machine a VMM is started for. Paths are absolute and were checked.</summary>
internal sealed record VmmMachine
{
    /// <summary>The VM's identity.</summary>
    public required Guid Id { get; init; }

    /// <summary>The VM's name.</summary>
    public required string Name { get; init; }

    /// <summary>The VMM's program, as the driver found it.</summary>
    public required string Program { get; init; }

    /// <summary>How guest code is executed; decided, not <see cref="AcceleratorKind.Auto"/>.</summary>
    public required AcceleratorKind Accelerator { get; init; }

    /// <summary>The number of vCPUs.</summary>
    public required int CpuCount { get; init; }

    /// <summary>Memory in bytes.</summary>
    public required long MemoryBytes { get; init; }

    /// <summary>The file that is the guest's memory.</summary>
    public required SafeFileHandle Memory { get; init; }

    /// <summary>True maps <see cref="Memory"/> shared, so that it holds what the guest writes; false maps it privately and never changes it.</summary>
    public required bool MemoryIsShared { get; init; }

    /// <summary>The kernel file.</summary>
    public required string KernelPath { get; init; }

    /// <summary>The initramfs file, or null.</summary>
    public string? InitramfsPath { get; init; }

    /// <summary>The kernel command line.</summary>
    public required string KernelCommandLine { get; init; }

    /// <summary>The disks, in the order the guest numbers them.</summary>
    public required IReadOnlyList<VmmDisk> Disks { get; init; }

    /// <summary>The network interfaces, in the order the guest numbers them.</summary>
    public IReadOnlyList<VmmInterface> Interfaces { get; init; } = [];

    /// <summary>How many ports it has that interfaces are, or can be, plugged into; part of what a snapshot's guest knows.</summary>
    public int HotPlugPorts { get; init; }

    /// <summary>Where the sockets go.</summary>
    public required string RunDirectory { get; init; }

    /// <summary>The file that gets all serial output, appended.</summary>
    public required string SerialLogPath { get; init; }

    /// <summary>The file that gets the VMM's own output, appended.</summary>
    public required string VmmLogPath { get; init; }

    /// <summary>The name of the guest agent's port, or null for a machine without one.</summary>
    public string? AgentPort { get; init; }

    /// <summary>The exact machine type a snapshot was taken on; null boots the VMM's default.</summary>
    public string? RestoreMachineType { get; init; }

    /// <summary>Whether the VMM waits for device state instead of booting.</summary>
    public bool ForRestore => RestoreMachineType is not null;
}

/// <summary>A disk of a VM.</summary>
/// <param name="Path">A raw disk image.</param>
/// <param name="Serial">What the guest finds it by.</param>
/// <param name="ReadOnly">Whether the guest may only read it.</param>
internal sealed record VmmDisk(string Path, string Serial, bool ReadOnly);
