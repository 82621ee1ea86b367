namespace MicroVm.Engine;

/// <summary>The state of a VM as a user sees it.</summary>
public enum VmState
{
    /// <summary>The state cannot be told.</summary>
    Unknown,

    /// <summary>No VMM process; the disk is kept.</summary>
    Stopped,

    /// <summary>The VMM is being started.</summary>
    Starting,

    /// <summary>The vCPUs run.</summary>
    Running,

    /// <summary>The vCPUs stand still, the memory is kept in RAM.</summary>
    Paused,

    /// <summary>A snapshot is being taken; the vCPUs stand still.</summary>
    Saving,

    /// <summary>The VM is being made from a snapshot.</summary>
    Restoring,

    /// <summary>The VM is being stopped.</summary>
    Stopping,

    /// <summary>The VMM died unasked, or the VM's record is damaged; the status detail says which.</summary>
    Failed,
}
