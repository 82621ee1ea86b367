using MicroVm.Engine.Native;

namespace MicroVm.Engine.State;

/// <summary>One life of a VMM process.</summary>
internal sealed record MachineRun
{
    /// <summary>The directory of this run's sockets: each run has its own, so a dying VMM and its successor never meet.</summary>
    public required string RunDirectory { get; init; }

    /// <summary>The process.</summary>
    public required ProcessIdentity Process { get; init; }

    /// <summary>The VMM's version.</summary>
    public required string HypervisorVersion { get; init; }

    /// <summary>How guest code is executed; decided, not <see cref="AcceleratorKind.Auto"/>.</summary>
    public required AcceleratorKind Accelerator { get; init; }

    /// <summary>When the process was started.</summary>
    public required DateTimeOffset StartedAt { get; init; }

    /// <summary>Where in the serial log this run's output begins, in bytes.</summary>
    public required long SerialLogOffset { get; init; }

    /// <summary>Where in the VMM's log this run's output begins, in bytes.</summary>
    public required long VmmLogOffset { get; init; }

    /// <summary>Whether the guest was past its ready marker when this run began, as after a restore.</summary>
    public bool ReadyAtStart { get; init; }

    /// <summary>The host's names of its network interfaces' other ends, in their order; "" for one that has none.</summary>
    public IReadOnlyList<string> Links { get; init; } = [];

    /// <summary>What a restored guest still needs; null when nothing is due.</summary>
    public DueFixups? DueFixups { get; init; }

    /// <summary>What was put right in the guest after its restore, an array so that PowerShell can slice it; empty when it booted.</summary>
    public IReadOnlyList<GuestFixup> Fixups { get; init; } = [];
}
