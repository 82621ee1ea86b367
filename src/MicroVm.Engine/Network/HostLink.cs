using MicroVm.Engine.Native;

namespace MicroVm.Engine.Network;

/// <summary>A network device as the kernel lists it (RTM_NEWLINK in rtnetlink(7)).</summary>
/// <param name="Index">Its number in its namespace.</param>
/// <param name="Name">Its name.</param>
/// <param name="Kind">What it is: "bridge", "veth", "tun"; null for one that is no software's.</param>
/// <param name="Mtu">The largest packet, in bytes.</param>
/// <param name="IsTap">For "tun": whether it carries frames, so is a TAP.</param>
/// <param name="IsMultiQueue">For "tun": whether it has several queues.</param>
/// <param name="Queues">For "tun" with several queues: how many are taken.</param>
internal sealed record HostLink(int Index, string Name, string? Kind, int Mtu, bool IsTap, bool IsMultiQueue, uint Queues)
{
    private const int StructureBytes = 16;
    private const ushort TunType = 3;
    private const ushort TunMultiQueue = 7;
    private const ushort TunQueues = 8;
    private const byte TapType = 2;

    /// <summary>The device of that name, or null.</summary>
    public static HostLink? Find(NetlinkSocket route, string name)
    {
        NetlinkBatch batch = new();
        batch.Begin(Rtnetlink.GetLink, 0, "find").Add(default(Rtnetlink.Link)).AddText(Rtnetlink.LinkName, name);
        try
        {
            return route.Send(batch, $"find the device '{name}'") is [var found, ..] ? Of(found) : null;
        }
        catch (LinuxException exception) when (exception.Errno is Errno.NoDevice or Errno.NoSuchDevice or Errno.OutOfRange or Errno.InvalidArgument)
        {
            // Nor is there one of a name that no device can have.
            return null;
        }
    }

    /// <summary>All devices of the socket's namespace.</summary>
    public static IReadOnlyList<HostLink> All(NetlinkSocket route)
    {
        NetlinkBatch batch = new();
        batch.Begin(Rtnetlink.GetLink, NetlinkBatch.Dump, "ask").Add(default(Rtnetlink.Link));
        return [.. route.Dump(batch, "list the devices").Select(Of)];
    }

    private static HostLink Of(NetlinkMessage message)
    {
        HostLink link = new(message.Structure<Rtnetlink.Link>().Index, "", null, 0, false, false, 0);
        for (NetlinkAttributes attributes = message.Attributes(StructureBytes); attributes.MoveNext();)
        {
            link = attributes.Type switch
            {
                Rtnetlink.LinkName => link with { Name = attributes.Text },
                Rtnetlink.LinkMtu => link with { Mtu = (int)attributes.UInt32 },
                Rtnetlink.LinkInfo => WithKind(link, attributes.Inside),
                _ => link,
            };
        }

        return link;
    }

    private static HostLink WithKind(HostLink link, NetlinkAttributes attributes)
    {
        while (attributes.MoveNext())
        {
            if (attributes.Type == Rtnetlink.LinkKind)
            {
                link = link with { Kind = attributes.Text };
            }
            else if (attributes.Type == Rtnetlink.LinkData && link.Kind == "tun")
            {
                // The kind comes first.
                for (NetlinkAttributes inside = attributes.Inside; inside.MoveNext();)
                {
                    byte value = inside.Value.Length > 0 ? inside.Value[0] : (byte)0;
                    link = inside.Type switch
                    {
                        TunType => link with { IsTap = value == TapType },
                        TunMultiQueue => link with { IsMultiQueue = value != 0 },
                        TunQueues => link with { Queues = inside.UInt32 },
                        _ => link,
                    };
                }
            }
        }

        return link;
    }
}
