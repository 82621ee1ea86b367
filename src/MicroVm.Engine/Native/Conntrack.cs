using System.Net;
using System.Net.Sockets;

namespace MicroVm.Engine.Native;

/// <summary>The flows that the kernel follows (NFNL_SUBSYS_CTNETLINK, linux/netfilter/nfnetlink_conntrack.h).</summary>
internal static class Conntrack
{
    /// <summary>Forgets the flows that an address began, so that their next packets are judged anew.</summary>
    public static void ForgetBegunBy(NetlinkSocket socket, IPAddress address) => Forget(socket, address, Nfnetlink.TupleOriginal);

    /// <summary>Forgets the flows that were begun towards an address, or what was translated to it.</summary>
    public static void ForgetAnsweredBy(NetlinkSocket socket, IPAddress address) => Forget(socket, address, Nfnetlink.TupleReply);

    /// <summary>Forgets all flows of these addresses, nulls aside.</summary>
    public static void Forget(NetlinkSocket socket, params ReadOnlySpan<IPAddress?> addresses)
    {
        foreach (IPAddress? address in addresses)
        {
            if (address is not null)
            {
                ForgetBegunBy(socket, address);
                ForgetAnsweredBy(socket, address);
            }
        }
    }

    /// <summary>What <see cref="ForgetBegunBy"/> and <see cref="ForgetAnsweredBy"/> do where the kernel cannot: finds the flows and forgets each.</summary>
    /// <param name="socket">NETLINK_NETFILTER.</param>
    /// <param name="address">The address.</param>
    /// <param name="tuple">CTA_TUPLE_ORIG or CTA_TUPLE_REPLY, of which the address is the source.</param>
    public static void ForgetEach(NetlinkSocket socket, IPAddress address, ushort tuple)
    {
        NetlinkBatch batch = new();
        AddFiltered(batch, Nfnetlink.GetFlow, NetlinkBatch.Dump, address, tuple);
        foreach (NetlinkMessage flow in socket.Dump(batch, "list the flows of a VM"))
        {
            // Kernels that do not filter list all.
            if (!IsFrom(flow.Attributes(4), address, tuple))
            {
                continue;
            }

            NetlinkBatch removal = new();
            removal.Begin(Message(Nfnetlink.DeleteFlow), 0, "forget a flow").Add(flow.Structure<NetfilterHeader>());
            for (NetlinkAttributes attributes = flow.Attributes(4); attributes.MoveNext();)
            {
                if (attributes.Type is Nfnetlink.TupleOriginal or Nfnetlink.FlowId)
                {
                    removal.AddBytes(attributes.Type == Nfnetlink.TupleOriginal ? (ushort)(Nfnetlink.TupleOriginal | NetlinkBatch.Nested) : Nfnetlink.FlowId, attributes.Value);
                }
            }

            IgnoreMissing(() => socket.Send(removal, "forget a flow of a VM"));
        }
    }

    private static void Forget(NetlinkSocket socket, IPAddress address, ushort tuple)
    {
        NetlinkBatch batch = new();
        AddFiltered(batch, Nfnetlink.DeleteFlow, 0, address, tuple);
        try
        {
            IgnoreMissing(() => socket.Send(batch, "forget the flows of a VM"));
        }
        catch (LinuxException exception) when (exception.Errno is Errno.InvalidArgument or Errno.NotSupported)
        {
            // Before Linux 6.9 only one flow can be named.
            ForgetEach(socket, address, tuple);
        }
    }

    private static void AddFiltered(NetlinkBatch batch, byte message, ushort flags, IPAddress address, ushort tuple)
    {
        bool ipv6 = address.AddressFamily == AddressFamily.InterNetworkV6;
        batch.Begin(Message(message), flags, "flows").Add(new NetfilterHeader(ipv6 ? NftFamily.Ip6 : NftFamily.Ip))
            .Open(tuple).Open(Nfnetlink.TupleIp).AddBytes(SourceOf(ipv6), address.GetAddressBytes()).Close().Close()
            .Open(Nfnetlink.Filter).AddUInt32(tuple == Nfnetlink.TupleOriginal ? Nfnetlink.FilterOriginal : Nfnetlink.FilterReply, Nfnetlink.FilterSource).Close();
    }

    private static bool IsFrom(NetlinkAttributes flow, IPAddress address, ushort tuple)
    {
        if (!flow.MoveTo(tuple))
        {
            return false;
        }

        NetlinkAttributes inside = flow.Inside;
        if (!inside.MoveTo(Nfnetlink.TupleIp))
        {
            return false;
        }

        NetlinkAttributes ip = inside.Inside;
        return ip.MoveTo(SourceOf(address.AddressFamily == AddressFamily.InterNetworkV6)) && ip.Value.SequenceEqual(address.GetAddressBytes());
    }

    private static ushort SourceOf(bool ipv6) => ipv6 ? Nfnetlink.Source6 : Nfnetlink.Source4;

    private static ushort Message(byte type) => (ushort)((Nfnetlink.ConntrackSubsystem << 8) | type);

    private static void IgnoreMissing(Action send)
    {
        try
        {
            send();
        }
        catch (LinuxException exception) when (exception.Errno == Errno.NoSuchFile)
        {
            // Nothing to forget.
        }
    }
}
