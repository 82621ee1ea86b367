using System.Runtime.InteropServices;

namespace MicroVm.Engine.Vmm;

/// <summary>What a <see cref="VmmInterface"/>'s descriptor is.</summary>
internal enum VmmInterfaceKind
{
    /// <summary>A TAP device opened with IFF_NO_PI and IFF_VNET_HDR.</summary>
    Tap,

    /// <summary>A connected stream socket that carries frames, each after its length as four bytes, the highest first; what passt(1) speaks.</summary>
    Stream,
}

/// <summary>A network interface of a VM.</summary>
/// <param name="Backend">The host's end, which stays the caller's: the VMM gets a descriptor of it all the same.</param>
/// <param name="Kind">What that is. A snapshot can be restored with the same kind alone: what the guest's driver was offered depends on it.</param>
/// <param name="MacAddress">The guest's hardware address, such as "02:fc:00:00:00:05". What a snapshot's guest has stays until the guest sets it or boots.</param>
/// <param name="LinkUp">False keeps everything from passing in either direction until <see cref="IVmmConnection.SetLinkAsync"/> says otherwise; the launcher sees to it before
/// a restored guest runs.</param>
/// <param name="Port">Which of the machine's <see cref="VmmMachine.HotPlugPorts"/> it is plugged into; null in a machine without.</param>
internal sealed record VmmInterface(SafeHandle Backend, VmmInterfaceKind Kind, string MacAddress, bool LinkUp = true, int? Port = null);
