namespace MicroVm.Engine.Machines;

/// <summary>What a crash left.</summary>
public enum RepairKind
{
    /// <summary>A VM whose VMM has ended, and whose record and sockets say otherwise.</summary>
    EndedVmm,

    /// <summary>A VM that an operation was at work on when its process died.</summary>
    InterruptedOperation,

    /// <summary>A VM that was never finished.</summary>
    UnfinishedMachine,

    /// <summary>A VM that was removed, but not wholly.</summary>
    RemovedMachine,

    /// <summary>A VM whose record cannot be read.</summary>
    DamagedRecord,

    /// <summary>A directory of sockets that no VM has, maybe with a VMM in it.</summary>
    OrphanedRun,

    /// <summary>A disk that its VM does not use.</summary>
    LeftoverDisk,

    /// <summary>A file that was being written.</summary>
    TemporaryFile,

    /// <summary>A name that is taken for a VM which is not there or is called otherwise.</summary>
    StaleName,

    /// <summary>A VM that does not hold its name.</summary>
    MissingName,

    /// <summary>A snapshot that was being taken or removed.</summary>
    UnfinishedSnapshot,

    /// <summary>An image that was being installed or removed.</summary>
    UnfinishedImage,

    /// <summary>An address or a port that is claimed for a VM which does not have it.</summary>
    StaleNetworkClaim,

    /// <summary>What the host's packet filter has of a network link that is gone.</summary>
    StaleFirewallEntry,

    /// <summary>The note of a spare network link whose keeper is dead, so that the link is gone.</summary>
    StaleSpareLink,

    /// <summary>A VM that runs, and of whose network link the host's packet filter knows nothing.</summary>
    MissingFirewallEntry,

    /// <summary>A VM that runs, and whose network link somebody has deleted; only another start gives it one.</summary>
    MissingNetworkLink,
}
