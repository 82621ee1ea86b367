namespace MicroVm.Engine.Vmm;

/// <summary>What a VMM says its guest is doing.</summary>
internal enum VmmStatus
{
    /// <summary>The vCPUs run.</summary>
    Running,

    /// <summary>The vCPUs stand.</summary>
    Paused,

    /// <summary>The guest crashed or powered off and the VMM waits.</summary>
    Ended,
}
