using System.Runtime.InteropServices;

namespace MicroVm.Engine.Native;

/// <summary>The numbers and structures of rtnetlink(7) that are needed, under names of their own; linux/rtnetlink.h, if_link.h, if_addr.h, neighbour.h and veth.h have them.</summary>
internal static class Rtnetlink
{
    public const ushort NewLink = 16;
    public const ushort GetLink = 18;
    public const ushort NewAddress = 20;
    public const ushort NewRoute = 24;
    public const ushort DeleteRoute = 25;
    public const ushort GetRoute = 26;
    public const ushort NewNeighbour = 28;

    public const byte FamilyIPv4 = 2;
    public const byte FamilyIPv6 = 10;

    public const uint Up = 1;

    public const ushort LinkAddress = 1;
    public const ushort LinkName = 3;
    public const ushort LinkMtu = 4;
    public const ushort LinkMaster = 10;
    public const ushort LinkInfo = 18;
    public const ushort LinkFamilies = 26;
    public const ushort LinkNamespaceDescriptor = 28;
    public const ushort LinkSendQueues = 31;
    public const ushort LinkReceiveQueues = 32;
    public const ushort LinkKind = 1;
    public const ushort LinkData = 2;
    public const ushort VethPeer = 1;

    /// <summary>Inside AF_INET of <see cref="LinkFamilies"/>: settings by number, those of net.ipv4.conf.DEVICE.</summary>
    public const ushort SettingsIPv4 = 1;

    /// <summary>net.ipv4.conf.DEVICE.forwarding.</summary>
    public const ushort Forwarding = 1;

    /// <summary>net.ipv4.conf.DEVICE.rp_filter.</summary>
    public const ushort ReversePathFilter = 8;

    /// <summary>net.ipv4.conf.DEVICE.route_localnet.</summary>
    public const ushort RouteLocalNetwork = 26;

    /// <summary>Inside AF_INET6 of <see cref="LinkFamilies"/>: how the device gets a link-local address.</summary>
    public const ushort AddressGeneration = 8;

    /// <summary>A value of <see cref="AddressGeneration"/>: not at all.</summary>
    public const byte NoAddressGeneration = 1;

    public const ushort Address = 1;
    public const ushort AddressLocal = 2;

    /// <summary>No duplicate address detection.</summary>
    public const byte AddressUnchecked = 2;

    public const ushort NeighbourAddress = 1;
    public const ushort NeighbourLinkAddress = 2;
    public const ushort NeighbourPermanent = 0x80;

    public const ushort RouteDestination = 1;
    public const ushort RouteDevice = 4;
    public const ushort RouteGateway = 5;

    public const byte MainTable = 254;
    public const byte ProtocolRouterAdvertisement = 9;
    public const byte Universe = 0;
    public const byte Unicast = 1;
    public const byte Broadcast = 3;
    public const byte Anycast = 4;
    public const byte Multicast = 5;

    /// <summary>The gateway is on the device, whatever addresses that has.</summary>
    public const uint OnLink = 4;

    /// <summary>A route the kernel keeps for itself.</summary>
    public const uint Cloned = 0x200;

    /// <summary>struct ifinfomsg.</summary>
    [StructLayout(LayoutKind.Sequential)]
    public struct Link
    {
        public byte Family;
        public ushort Type;
        public int Index;
        public uint Flags;
        public uint Change;
    }

    /// <summary>struct ifaddrmsg.</summary>
    [StructLayout(LayoutKind.Sequential)]
    public struct InterfaceAddress
    {
        public byte Family;
        public byte PrefixLength;
        public byte Flags;
        public byte Scope;
        public int Index;
    }

    /// <summary>struct ndmsg.</summary>
    [StructLayout(LayoutKind.Sequential)]
    public struct Neighbour
    {
        public byte Family;
        public int Index;
        public ushort State;
        public byte Flags;
        public byte Type;
    }

    /// <summary>struct rtmsg.</summary>
    [StructLayout(LayoutKind.Sequential)]
    public struct Route
    {
        public byte Family;
        public byte DestinationLength;
        public byte SourceLength;
        public byte TypeOfService;
        public byte Table;
        public byte Protocol;
        public byte Scope;
        public byte Type;
        public uint Flags;
    }
}
