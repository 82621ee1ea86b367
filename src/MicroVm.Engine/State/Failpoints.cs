namespace MicroVm.Engine.State;

/// <summary>The names of all steps at which a plan may be made to fail; tests go through the whole list.</summary>
internal static class Failpoints
{
    /// <summary>A new VM's directory is locked and has not its name yet.</summary>
    public const string ClaimLocked = "claim.locked";

    /// <summary>A new VM's directory is there, its name is not claimed.</summary>
    public const string ClaimPlaced = "claim.placed";

    /// <summary>A new VM has directory, lock and name.</summary>
    public const string ClaimNamed = "claim.named";

    /// <summary>A new VM has its network slots.</summary>
    public const string ClaimSlots = "claim.slots";

    /// <summary>A new VM has its disk.</summary>
    public const string CreateDisk = "create.disk";

    /// <summary>A new VM has its configuration disk.</summary>
    public const string CreateConfiguration = "create.configuration";

    /// <summary>The network links of a run are there, and lead nowhere.</summary>
    public const string LinksRaised = "links.raised";

    /// <summary>The network links of a run have their addresses and ports.</summary>
    public const string LinksAttached = "links.attached";

    /// <summary>The directories of a run say whose they are and have not their name yet.</summary>
    public const string LaunchOwned = "launch.owned";

    /// <summary>The directory of a run is there, and in no record.</summary>
    public const string LaunchPlaced = "launch.placed";

    /// <summary>The run that is to be is on record.</summary>
    public const string LaunchPending = "launch.pending";

    /// <summary>The VMM's process is there, and nobody knows it.</summary>
    public const string LaunchSpawned = "launch.spawned";

    /// <summary>The VMM's process will be reaped, and be ended should the launch fail.</summary>
    public const string LaunchWatched = "launch.watched";

    /// <summary>The VMM answers.</summary>
    public const string LaunchConnected = "launch.connected";

    /// <summary>A booted VM is on record.</summary>
    public const string BootRecorded = "boot.recorded";

    /// <summary>The disk that goes with the snapshot is there.</summary>
    public const string RestoreDisk = "restore.disk";

    /// <summary>The restored VMM stands ready.</summary>
    public const string RestoreLoaded = "restore.loaded";

    /// <summary>The VMM that is replaced has ended.</summary>
    public const string RestoreEnded = "restore.ended";

    /// <summary>The restored guest goes on.</summary>
    public const string RestoreResumed = "restore.resumed";

    /// <summary>The restored VM is on record.</summary>
    public const string RestoreRecorded = "restore.recorded";

    /// <summary>What a restore in place took the place of is gone.</summary>
    public const string RestoreTidied = "restore.tidied";

    /// <summary>The restored guest was put right.</summary>
    public const string RestoreFixed = "restore.fixed";

    /// <summary>A directory to collect a snapshot in is there.</summary>
    public const string SaveStaged = "save.staged";

    /// <summary>The memory was copied while the guest ran.</summary>
    public const string SaveMemoryBase = "save.memory-base";

    /// <summary>The disk was copied while the guest ran.</summary>
    public const string SaveDiskBase = "save.disk-base";

    /// <summary>The guest stands still.</summary>
    public const string SavePaused = "save.paused";

    /// <summary>The copy of the memory is up to date.</summary>
    public const string SaveMemory = "save.memory";

    /// <summary>The devices' state is saved.</summary>
    public const string SaveDevices = "save.devices";

    /// <summary>The copy of the disk is up to date.</summary>
    public const string SaveDisk = "save.disk";

    /// <summary>The guest goes on.</summary>
    public const string SaveResumed = "save.resumed";

    /// <summary>The manifest is composed.</summary>
    public const string SaveDigests = "save.digests";

    /// <summary>The files are durable.</summary>
    public const string SaveSynced = "save.synced";

    /// <summary>The snapshot has its place.</summary>
    public const string SavePublished = "save.published";

    /// <summary>The guest was asked to power off.</summary>
    public const string StopAsked = "stop.asked";

    /// <summary>That the VMM is being ended is on record.</summary>
    public const string StopMarked = "stop.marked";

    /// <summary>The VMM has ended.</summary>
    public const string StopEnded = "stop.ended";

    /// <summary>A stopped VM is on record.</summary>
    public const string StopRecorded = "stop.recorded";

    /// <summary>The VMM of a VM that is removed has ended.</summary>
    public const string RemoveEnded = "remove.ended";

    /// <summary>The VM's directory is out of sight.</summary>
    public const string RemoveHidden = "remove.hidden";

    /// <summary>The VM's directory is gone, its name is not.</summary>
    public const string RemoveDeleted = "remove.deleted";

    /// <summary>The VM's name is free.</summary>
    public const string RemoveReleased = "remove.released";

    /// <summary>The VM's addresses and ports are free.</summary>
    public const string RemoveNetwork = "remove.network";

    /// <summary>Ports that are to be published are claimed.</summary>
    public const string PublishClaimed = "publish.claimed";

    /// <summary>Published ports lead to the guest, and are not on record.</summary>
    public const string PublishOpened = "publish.opened";

    /// <summary>That ports are not published any more is on record, and they still are.</summary>
    public const string UnpublishRecorded = "unpublish.recorded";

    /// <summary>The host's end of an interface that is to be added is there, and leads to the guest's place.</summary>
    public const string InterfaceRaised = "interface.raised";

    /// <summary>An interface that is added is on record, and the VMM does not have it.</summary>
    public const string InterfaceRecorded = "interface.recorded";

    /// <summary>The VMM has an interface that is added.</summary>
    public const string InterfacePlugged = "interface.plugged";

    /// <summary>The VMM does not have an interface any more that is on record.</summary>
    public const string InterfaceUnplugged = "interface.unplugged";

    /// <summary>That an interface is gone is on record, and the host still has its end.</summary>
    public const string InterfaceForgotten = "interface.forgotten";

    /// <summary>A snapshot that is removed is out of sight.</summary>
    public const string SnapshotHidden = "snapshot.hidden";

    /// <summary>A snapshot that is removed is gone.</summary>
    public const string SnapshotDeleted = "snapshot.deleted";

    /// <summary>The VMM was told to pause or to go on.</summary>
    public const string PauseTold = "pause.told";

    /// <summary>A VM that was paused or goes on is on record.</summary>
    public const string PauseRecorded = "pause.recorded";
}
