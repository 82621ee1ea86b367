namespace MicroVm.Engine.Vmm;

/// <summary>What a VMM can do.</summary>
internal sealed record VmmCapabilities
{
    /// <summary>The oldest version that does what the engine needs.</summary>
    public required Version MinimumVersion { get; init; }

    /// <summary>The most vCPUs it gives a VM.</summary>
    public required int MaximumCpuCount { get; init; }

    /// <summary>Whether network interfaces can be plugged into a VM that runs, and be taken out.</summary>
    public required bool CanHotPlugInterfaces { get; init; }
}
