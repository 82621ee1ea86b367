using System.Net;
using System.Net.Sockets;
using MicroVm.Engine.Native;

namespace MicroVm.Engine.Network;

/// <summary>Messages of rtnetlink(7), as words of a batch.</summary>
internal static class LinkMessages
{
    /// <summary>Settings of a device, to be made before it is raised: no addresses of its own invention, IPv4 handed on.</summary>
    /// <param name="batch">The batch.</param>
    /// <param name="index">The device.</param>
    /// <param name="mac">Its hardware address; empty to leave it.</param>
    /// <param name="mtu">Its largest packet; 0 to leave it.</param>
    /// <param name="hasIPv6">Whether the namespace has IPv6.</param>
    /// <param name="localNetwork">Whether it may carry packets of 127.0.0.0/8.</param>
    /// <param name="strict">Whether packets from addresses that are not reached through it are dropped, questions of ARP included.</param>
    public static void Prepare(
        this NetlinkBatch batch, int index, ReadOnlySpan<byte> mac, int mtu, bool hasIPv6, bool localNetwork = false, bool strict = false)
    {
        batch.Begin(Rtnetlink.NewLink, 0, "prepare the device").Add(new Rtnetlink.Link { Index = index });
        if (mac.Length > 0)
        {
            batch.AddBytes(Rtnetlink.LinkAddress, mac);
        }

        if (mtu > 0)
        {
            batch.AddUInt32(Rtnetlink.LinkMtu, (uint)mtu);
        }

        batch.Open(Rtnetlink.LinkFamilies).Open(Rtnetlink.FamilyIPv4).Open(Rtnetlink.SettingsIPv4).AddUInt32(Rtnetlink.Forwarding, 1);
        if (localNetwork)
        {
            batch.AddUInt32(Rtnetlink.RouteLocalNetwork, 1);
        }

        if (strict)
        {
            batch.AddUInt32(Rtnetlink.ReversePathFilter, 1);
        }

        batch.Close().Close();
        if (hasIPv6)
        {
            batch.Open(Rtnetlink.FamilyIPv6).AddByte(Rtnetlink.AddressGeneration, Rtnetlink.NoAddressGeneration).Close();
        }

        batch.Close();
    }

    /// <summary>Raises a device.</summary>
    public static void Raise(this NetlinkBatch batch, int index) =>
        batch.Begin(Rtnetlink.NewLink, 0, "raise the device").Add(new Rtnetlink.Link { Index = index, Flags = Rtnetlink.Up, Change = Rtnetlink.Up });

    /// <summary>Gives a device an address and the route to its network.</summary>
    public static void AddAddress(this NetlinkBatch batch, int index, IPAddress address, int prefixLength) =>
        batch.Begin(Rtnetlink.NewAddress, NetlinkBatch.Create | NetlinkBatch.Exclusive, "add the address")
            .Add(new Rtnetlink.InterfaceAddress { Family = FamilyOf(address), PrefixLength = (byte)prefixLength, Flags = Rtnetlink.AddressUnchecked, Index = index })
            .AddAddressBytes(Rtnetlink.AddressLocal, address)
            .AddAddressBytes(Rtnetlink.Address, address);

    /// <summary>Says for good which hardware address a neighbour has.</summary>
    public static void AddNeighbour(this NetlinkBatch batch, int index, IPAddress address, ReadOnlySpan<byte> mac) =>
        batch.Begin(Rtnetlink.NewNeighbour, NetlinkBatch.Create | NetlinkBatch.Replace, "add the neighbour")
            .Add(new Rtnetlink.Neighbour { Family = FamilyOf(address), Index = index, State = Rtnetlink.NeighbourPermanent })
            .AddAddressBytes(Rtnetlink.NeighbourAddress, address)
            .AddBytes(Rtnetlink.NeighbourLinkAddress, mac);

    /// <summary>Adds a route to a gateway that need not be in a network of the device, in place of one to the same destination.</summary>
    public static void AddRoute(this NetlinkBatch batch, IPNetwork destination, IPAddress gateway, int index) =>
        batch.Begin(Rtnetlink.NewRoute, NetlinkBatch.Create | NetlinkBatch.Replace, "add the route")
            .Add(RouteTo(destination) with { Type = Rtnetlink.Unicast, Flags = Rtnetlink.OnLink })
            .AddDestination(destination)
            .AddAddressBytes(Rtnetlink.RouteGateway, gateway)
            .AddUInt32(Rtnetlink.RouteDevice, (uint)index);

    /// <summary>Removes such a route, if it leads to that device.</summary>
    public static void DeleteRoute(this NetlinkBatch batch, IPNetwork destination, int index) =>
        batch.Begin(Rtnetlink.DeleteRoute, 0, "remove the route").Add(RouteTo(destination)).AddDestination(destination).AddUInt32(Rtnetlink.RouteDevice, (uint)index);

    /// <summary>AF_INET or AF_INET6.</summary>
    public static byte FamilyOf(IPAddress address) => address.AddressFamily == AddressFamily.InterNetwork ? Rtnetlink.FamilyIPv4 : Rtnetlink.FamilyIPv6;

    private static Rtnetlink.Route RouteTo(IPNetwork destination) => new()
    {
        Family = FamilyOf(destination.BaseAddress),
        DestinationLength = (byte)destination.PrefixLength,
        Table = Rtnetlink.MainTable,
        Protocol = SlotConstants.RouteProtocol,
        Scope = Rtnetlink.Universe,
    };

    private static NetlinkBatch AddDestination(this NetlinkBatch batch, IPNetwork destination) =>
        destination.PrefixLength == 0 ? batch : batch.AddAddressBytes(Rtnetlink.RouteDestination, destination.BaseAddress);

    private static NetlinkBatch AddAddressBytes(this NetlinkBatch batch, ushort attribute, IPAddress address)
    {
        Span<byte> bytes = stackalloc byte[16];
        return address.TryWriteBytes(bytes, out int written) ? batch.AddBytes(attribute, bytes[..written]) : throw new ArgumentException("Not an address.", nameof(address));
    }
}
