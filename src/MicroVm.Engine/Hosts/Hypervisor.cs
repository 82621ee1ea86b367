namespace MicroVm.Engine.Hosts;

/// <summary>A VMM on this host.</summary>
public sealed record Hypervisor
{
    /// <summary>Which VMM.</summary>
    public required HypervisorKind Kind { get; init; }

    /// <summary>Its version.</summary>
    public required string Version { get; init; }

    /// <summary>Its program.</summary>
    public required string Path { get; init; }

    /// <summary>Whether it is the one that <see cref="HypervisorKind.Auto"/> takes.</summary>
    public required bool IsDefault { get; init; }

    /// <summary>Whether its version is at least <see cref="MinimumVersion"/>.</summary>
    public required bool IsSupported { get; init; }

    /// <summary>The oldest version that does what the engine needs.</summary>
    public required string MinimumVersion { get; init; }

    /// <summary>How it can execute guest code on this host, the way that <see cref="AcceleratorKind.Auto"/> takes first.</summary>
    public required IReadOnlyList<AcceleratorKind> Accelerators { get; init; }

    /// <summary>The most vCPUs it gives a VM.</summary>
    public required int MaximumCpuCount { get; init; }

    /// <inheritdoc/>
    public override string ToString() => $"{Kind} {Version}";
}
