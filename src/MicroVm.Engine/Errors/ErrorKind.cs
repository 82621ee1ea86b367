namespace MicroVm.Engine.Errors;

/// <summary>What kind of failure a <see cref="MicroVmException"/> is; front ends map it to their own categories.</summary>
public enum ErrorKind
{
    /// <summary>A value the caller gave breaks a rule.</summary>
    InvalidArgument,

    /// <summary>A named VM, snapshot, image or file does not exist.</summary>
    NotFound,

    /// <summary>The name is taken.</summary>
    AlreadyExists,

    /// <summary>The VM's state does not allow the operation.</summary>
    InvalidState,

    /// <summary>Another process or runspace is working on the VM.</summary>
    Busy,

    /// <summary>Somebody else ended the operation.</summary>
    Ended,

    /// <summary>A wait ended before what it waited for.</summary>
    Timeout,

    /// <summary>Nobody answers at the other end of a channel.</summary>
    ConnectionFailed,

    /// <summary>The VMM answered with an error, or not in its protocol.</summary>
    Protocol,

    /// <summary>The VMM process ended when it should not have, or a host resource is used up.</summary>
    ResourceUnavailable,

    /// <summary>A command ran and said that it failed.</summary>
    CommandFailed,

    /// <summary>A program or device the operation needs is not on this host.</summary>
    NotInstalled,

    /// <summary>The user may not do this on this host.</summary>
    PermissionDenied,

    /// <summary>Recorded data (state, snapshot, image) is damaged or does not fit this host.</summary>
    InvalidData,

    /// <summary>The VMM cannot do this.</summary>
    NotSupported,
}
