namespace MicroVm.Engine;

/// <summary>How a network interface of a guest is connected.</summary>
public enum NetworkMode
{
    /// <summary>To the outside through the host, which gives the VM an address of its own and lets nobody in but by published ports. Needs root.</summary>
    Nat,

    /// <summary>As <see cref="Nat"/>, and to the other VMs of a named network, which it finds by their names. Needs root.</summary>
    Named,

    /// <summary>To the outside as a program of the user's, by passt: needs no privilege.</summary>
    User,

    /// <summary>To a bridge of the host's. Needs root.</summary>
    Bridge,

    /// <summary>To a TAP device that somebody else made and looks after. Needs access to it.</summary>
    Tap,
}
