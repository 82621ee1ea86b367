namespace MicroVm.Engine.Errors;

/// <summary>The stable error identifiers. Scripts match on them, so an id is never renamed.</summary>
public static class ErrorIds
{
    /// <summary>No VM of that name or id.</summary>
    public const string MicroVmNotFound = nameof(MicroVmNotFound);

    /// <summary>No snapshot of that name or id.</summary>
    public const string SnapshotNotFound = nameof(SnapshotNotFound);

    /// <summary>No image of that name.</summary>
    public const string ImageNotFound = nameof(ImageNotFound);

    /// <summary>A kernel, initramfs or disk file does not exist.</summary>
    public const string FileNotFound = nameof(FileNotFound);

    /// <summary>A file that was to be written is there.</summary>
    public const string FileAlreadyExists = nameof(FileAlreadyExists);

    /// <summary>The VM name is taken.</summary>
    public const string MicroVmAlreadyExists = nameof(MicroVmAlreadyExists);

    /// <summary>The VM already has a snapshot of that name.</summary>
    public const string SnapshotAlreadyExists = nameof(SnapshotAlreadyExists);

    /// <summary>An image of that name is installed.</summary>
    public const string ImageAlreadyExists = nameof(ImageAlreadyExists);

    /// <summary>An image that VMs use cannot be removed.</summary>
    public const string ImageInUse = nameof(ImageInUse);

    /// <summary>A value in the specification breaks a rule.</summary>
    public const string InvalidMicroVmSpec = nameof(InvalidMicroVmSpec);

    /// <summary>The name of several snapshots; say which VM.</summary>
    public const string AmbiguousSnapshot = nameof(AmbiguousSnapshot);

    /// <summary>The VM's state does not allow the operation.</summary>
    public const string InvalidMicroVmState = nameof(InvalidMicroVmState);

    /// <summary>Another process or runspace holds the VM's lock.</summary>
    public const string MicroVmBusy = nameof(MicroVmBusy);

    /// <summary>Another process asked for the end of the operation, and it was undone.</summary>
    public const string OperationEnded = nameof(OperationEnded);

    /// <summary>A snapshot whose memory VMs use cannot be removed.</summary>
    public const string SnapshotInUse = nameof(SnapshotInUse);

    /// <summary>A wait reached its limit.</summary>
    public const string MicroVmTimeout = nameof(MicroVmTimeout);

    /// <summary>The VMM refused a command.</summary>
    public const string HypervisorApiError = nameof(HypervisorApiError);

    /// <summary>The VMM process ended.</summary>
    public const string HypervisorExited = nameof(HypervisorExited);

    /// <summary>The VMM's program is not installed.</summary>
    public const string HypervisorNotFound = nameof(HypervisorNotFound);

    /// <summary>The VMM's program is older than the engine needs.</summary>
    public const string HypervisorVersionUnsupported = nameof(HypervisorVersionUnsupported);

    /// <summary>Nobody can tell when the guest is ready: what it boots has no ready marker.</summary>
    public const string NoReadyMarker = nameof(NoReadyMarker);

    /// <summary>No agent answers in the guest, or not any more.</summary>
    public const string GuestAgentUnavailable = nameof(GuestAgentUnavailable);

    /// <summary>The agent in the guest is configured not to do this, or too old for it.</summary>
    public const string GuestAgentCommandBlocked = nameof(GuestAgentCommandBlocked);

    /// <summary>The agent in the guest refused a call, or does not keep to its protocol.</summary>
    public const string GuestAgentError = nameof(GuestAgentError);

    /// <summary>A command for a guest breaks a rule.</summary>
    public const string InvalidGuestCommand = nameof(InvalidGuestCommand);

    /// <summary>The guest has no such program.</summary>
    public const string GuestCommandNotFound = nameof(GuestCommandNotFound);

    /// <summary>A command in the guest ended with another exit code than 0.</summary>
    public const string GuestCommandFailed = nameof(GuestCommandFailed);

    /// <summary>A command in the guest wrote more than one object can hold.</summary>
    public const string GuestOutputTooLong = nameof(GuestOutputTooLong);

    /// <summary>A file could not be copied between host and guest.</summary>
    public const string GuestCopyFailed = nameof(GuestCopyFailed);

    /// <summary>KVM was asked for and cannot be used.</summary>
    public const string KvmUnavailable = nameof(KvmUnavailable);

    /// <summary>The system refused a call for want of permission.</summary>
    public const string PermissionDenied = nameof(PermissionDenied);

    /// <summary>The file system is full.</summary>
    public const string DiskFull = nameof(DiskFull);

    /// <summary>A file operation failed.</summary>
    public const string StorageFailed = nameof(StorageFailed);

    /// <summary>The user's inotify watches are used up.</summary>
    public const string WatchLimitReached = nameof(WatchLimitReached);

    /// <summary>What is asked for needs a keeper, and none can be started.</summary>
    public const string KeeperUnavailable = nameof(KeeperUnavailable);

    /// <summary>A socket path would exceed the kernel's limit.</summary>
    public const string PathTooLong = nameof(PathTooLong);

    /// <summary>The snapshot does not fit this host, VMM or VM.</summary>
    public const string SnapshotIncompatible = nameof(SnapshotIncompatible);

    /// <summary>The snapshot's files are damaged.</summary>
    public const string SnapshotCorrupt = nameof(SnapshotCorrupt);

    /// <summary>The image's files are damaged.</summary>
    public const string ImageCorrupt = nameof(ImageCorrupt);

    /// <summary>The image could not be built or installed.</summary>
    public const string ImageInstallFailed = nameof(ImageInstallFailed);

    /// <summary>A VM's record cannot be read.</summary>
    public const string StateCorrupt = nameof(StateCorrupt);

    /// <summary>Namespaces or mounts could not be set up.</summary>
    public const string IsolationFailed = nameof(IsolationFailed);

    /// <summary>All addresses of the pool are taken.</summary>
    public const string NoFreeSlot = nameof(NoFreeSlot);

    /// <summary>Somebody else has the port of the host's.</summary>
    public const string PortInUse = nameof(PortInUse);

    /// <summary>The VM does not publish the port.</summary>
    public const string PortNotPublished = nameof(PortNotPublished);

    /// <summary>There is no such named network, bridge, TAP device or network namespace.</summary>
    public const string NetworkNotFound = nameof(NetworkNotFound);

    /// <summary>There is a named network of that name.</summary>
    public const string NetworkAlreadyExists = nameof(NetworkAlreadyExists);

    /// <summary>VMs use the named network.</summary>
    public const string NetworkInUse = nameof(NetworkInUse);

    /// <summary>The VM's kind of network cannot do what is asked for.</summary>
    public const string NetworkNotSupported = nameof(NetworkNotSupported);

    /// <summary>A VM has no network interface as was asked for.</summary>
    public const string InterfaceNotFound = nameof(InterfaceNotFound);

    /// <summary>Network interfaces cannot be added to the VM, or removed, while it runs.</summary>
    public const string InterfaceHotPlugUnsupported = nameof(InterfaceHotPlugUnsupported);

    /// <summary>The host lacks a driver or device that networks need.</summary>
    public const string NetworkUnavailable = nameof(NetworkUnavailable);

    /// <summary>The host's network could not be set up.</summary>
    public const string NetworkFailed = nameof(NetworkFailed);

    /// <summary>A network that cannot be an address pool.</summary>
    public const string InvalidAddressPool = nameof(InvalidAddressPool);

    /// <summary>The host has another way to addresses of the pool.</summary>
    public const string AddressPoolOverlap = nameof(AddressPoolOverlap);

    /// <summary>A program the operation runs is missing or failed.</summary>
    public const string ToolFailed = nameof(ToolFailed);

    /// <summary>A port is to be published at an address that the host does not have.</summary>
    public const string AddressNotAvailable = nameof(AddressNotAvailable);

    /// <summary>The host has no default route.</summary>
    public const string NoDefaultRoute = nameof(NoDefaultRoute);

    /// <summary>No bridge of that name.</summary>
    public const string BridgeNotFound = nameof(BridgeNotFound);

    /// <summary>No network namespace of that name or path.</summary>
    public const string NetworkNamespaceNotFound = nameof(NetworkNamespaceNotFound);

    /// <summary>No TAP device of that name in the network namespace.</summary>
    public const string TapDeviceNotFound = nameof(TapDeviceNotFound);

    /// <summary>The TAP device is in use, or not of the kind that a VMM needs.</summary>
    public const string TapDeviceUnusable = nameof(TapDeviceUnusable);
}
