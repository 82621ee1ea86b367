using System.Globalization;
using System.Net;
using System.Security.Cryptography;
using Microsoft.Win32.SafeHandles;
using MicroVm.Engine.Errors;
using MicroVm.Engine.Native;

namespace MicroVm.Engine.Network;

/// <summary>
/// The plumbing of one run of a VM: a network namespace without a name, in it the TAP and one end of a veth pair whose other end is on the host. It lives as long
/// as somebody has the TAP open, this object or the VMM; then the kernel removes it all. Which address it has outside is a matter of <see cref="HostRoutes"/>.
/// </summary>
internal sealed class NetworkLink : IDisposable
{
    /// <summary>What the engine sets when nothing is asked for.</summary>
    public const int DefaultMtu = 1500;

    // Of 2^31 numbers and 2^32 names a few thousand are taken.
    private const int Attempts = 8;

    /// <summary>A link that is there, by one of its TAP's descriptors, which it owns from now on.</summary>
    public NetworkLink(string name, int index, SafeFileHandle tap, bool ipv6, int mtu)
    {
        Name = name;
        Index = index;
        Tap = tap;
        IPv6 = ipv6;
        Mtu = mtu;
    }

    /// <summary>The device on the host: "mvm" and eight hexadecimal digits.</summary>
    public string Name { get; }

    /// <summary>Its interface index.</summary>
    public int Index { get; }

    /// <summary>The open TAP, closed on exec, single-queue, with struct virtio_net_hdr. A VMM gets a copy of the descriptor.</summary>
    public SafeFileHandle Tap { get; }

    /// <summary>Whether it carries IPv6 as well as IPv4.</summary>
    public bool IPv6 { get; }

    /// <summary>The largest packet, in bytes.</summary>
    public int Mtu { get; }

    /// <summary>Raises a link. It has no address outside yet.</summary>
    /// <param name="host">Where.</param>
    /// <param name="ipv6">Whether it carries IPv6 as well; the host must have it.</param>
    /// <param name="mtu">The largest packet, in bytes: 1,280 to 65,535 with IPv6, 68 at least without.</param>
    /// <exception cref="MicroVmException">See <see cref="NetworkErrors.OfLink"/>; nothing is left of it.</exception>
    public static NetworkLink Raise(HostNetwork host, bool ipv6, int mtu = DefaultMtu) => host.Run(sockets => Raise(sockets, ipv6, mtu));

    /// <summary>As the other, on the network thread.</summary>
    public static NetworkLink Raise(HostSockets sockets, bool ipv6, int mtu = DefaultMtu)
    {
        try
        {
            for (int attempt = 1; ; attempt++)
            {
                int index = RandomIndex();
                string name = SlotConstants.LinkPrefix + RandomNumberGenerator.GetInt32(int.MinValue, int.MaxValue).ToString("x8", CultureInfo.InvariantCulture);
                if (Raise(sockets, name, index, ipv6, mtu, last: attempt == Attempts) is { } link)
                {
                    return link;
                }
            }
        }
        catch (LinuxException exception)
        {
            throw NetworkErrors.OfLink(exception);
        }
    }

    /// <summary>Raises a link of that name and index.</summary>
    /// <returns>Null when one of them is taken.</returns>
    public static NetworkLink? TryRaise(HostSockets sockets, string name, int index, bool ipv6, int mtu = DefaultMtu) =>
        Raise(sockets, name, index, ipv6, mtu, last: false);

    /// <summary>Opens the link's network namespace: for a VMM that finds its TAP by name. The descriptor holds the link too.</summary>
    public SafeFileHandle OpenNamespace() => TapDevice.OpenNamespace(Tap);

    /// <summary>Lets go of the TAP.</summary>
    public void Dispose() => Tap.Dispose();

    private static NetworkLink? Raise(HostSockets sockets, string name, int index, bool ipv6, int mtu, bool last)
    {
        int tapIndex = RandomIndex();
        int uplinkIndex = RandomIndex();
        (SafeFileHandle tap, SafeFileHandle inside, NetlinkSocket insideRoute) = FreshNetwork.Make(
            sockets.Namespace, ipv6 ? sockets.NextProc() : null, SlotConstants.TapName, tapIndex, ipv6, out bool lost);
        sockets.Lost |= lost;
        try
        {
            using (inside)
            using (insideRoute)
            {
                // A device without room for IPv6's smallest packet has no IPv6 (addrconf_notify in net/ipv6/addrconf.c).
                bool hasIPv6 = sockets.HasIPv6 && mtu >= 1280;
                sockets.Route.Send(HostBatch(sockets.Batch, name, index, uplinkIndex, inside, hasIPv6, ipv6, mtu), "raise the link");
                insideRoute.Send(InsideBatch(sockets.Batch, tapIndex, uplinkIndex, hasIPv6, ipv6, mtu), "set up the link's namespace");
            }

            return new NetworkLink(name, index, tap, ipv6, mtu);
        }
        catch (LinuxException exception) when (exception.Errno == Errno.FileExists && !last)
        {
            tap.Dispose();
            return null;
        }
        catch
        {
            tap.Dispose();
            throw;
        }
    }

    private static NetlinkBatch HostBatch(NetlinkBatch batch, string name, int index, int uplinkIndex, SafeFileHandle inside, bool hasIPv6, bool ipv6, int mtu)
    {
        AddPair(batch, name, index, uplinkIndex, inside, mtu);
        // 127.0.0.1 is an address of the guest's publications: a reply to it comes through this device.
        batch.Prepare(index, mac: [], mtu: 0, hasIPv6, localNetwork: true);
        batch.Raise(index);
        batch.AddNeighbour(index, SlotConstants.InnerEnd, SlotConstants.InnerEndMac);
        if (ipv6)
        {
            batch.AddNeighbour(index, SlotConstants.InnerEndV6, SlotConstants.InnerEndMac);
        }

        return batch;
    }

    private static NetlinkBatch InsideBatch(NetlinkBatch batch, int tapIndex, int uplinkIndex, bool hasIPv6, bool ipv6, int mtu)
    {
        batch.Prepare(uplinkIndex, mac: [], mtu: 0, hasIPv6);
        batch.Raise(uplinkIndex);
        // Each address that asks for another one is a neighbour to the kernel, and all namespaces together have room for a thousand (gc_thresh3 in arp(7)): a guest that
        // asks in many names would leave the host none.
        batch.Prepare(tapIndex, SlotConstants.GatewayMac, mtu, hasIPv6, strict: true);
        batch.Raise(tapIndex);
        batch.AddAddress(tapIndex, SlotConstants.Gateway, SlotConstants.PrefixLength);
        batch.AddNeighbour(tapIndex, SlotConstants.Guest, SlotConstants.GuestMac);
        batch.AddNeighbour(uplinkIndex, SlotConstants.HostEnd, SlotConstants.HostEndMac);
        batch.AddRoute(new IPNetwork(IPAddress.Any, 0), SlotConstants.HostEnd, uplinkIndex);
        if (ipv6)
        {
            batch.AddAddress(tapIndex, SlotConstants.GatewayV6, SlotConstants.PrefixLengthV6);
            batch.AddNeighbour(tapIndex, SlotConstants.GuestV6, SlotConstants.GuestMac);
            batch.AddNeighbour(uplinkIndex, SlotConstants.HostEndV6, SlotConstants.HostEndMac);
            batch.AddRoute(new IPNetwork(IPAddress.IPv6Any, 0), SlotConstants.HostEndV6, uplinkIndex);
        }

        return batch;
    }

    // Both ends at once, the other directly in its namespace. One queue each: the kernel's default is one for each processor it could have, at 20 µs.
    private static void AddPair(NetlinkBatch batch, string name, int index, int uplinkIndex, SafeFileHandle inside, int mtu)
    {
        batch.Begin(Rtnetlink.NewLink, NetlinkBatch.Create | NetlinkBatch.Exclusive, "add the veth pair").Add(new Rtnetlink.Link { Index = index });
        AddEnd(batch, name, SlotConstants.HostEndMac, mtu);
        batch.Open(Rtnetlink.LinkInfo).AddText(Rtnetlink.LinkKind, "veth").Open(Rtnetlink.LinkData).Open(Rtnetlink.VethPeer);
        batch.Add(new Rtnetlink.Link { Index = uplinkIndex });
        AddEnd(batch, SlotConstants.UplinkName, SlotConstants.InnerEndMac, mtu);
        batch.AddUInt32(Rtnetlink.LinkNamespaceDescriptor, (uint)inside.DangerousGetHandle());
        batch.Close().Close().Close();
    }

    private static void AddEnd(NetlinkBatch batch, string name, ReadOnlySpan<byte> mac, int mtu) =>
        batch.AddText(Rtnetlink.LinkName, name).AddBytes(Rtnetlink.LinkAddress, mac).AddUInt32(Rtnetlink.LinkMtu, (uint)mtu)
            .AddUInt32(Rtnetlink.LinkSendQueues, 1).AddUInt32(Rtnetlink.LinkReceiveQueues, 1);

    // Far from the small numbers the kernel gives by itself. Unique inside, too: equal ones make the kernel slower with each namespace.
    private static int RandomIndex() => RandomNumberGenerator.GetInt32(1 << 20, int.MaxValue);
}
