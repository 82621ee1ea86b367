using System.Net;
using MicroVm.Engine.Errors;
using MicroVm.Engine.Native;

namespace MicroVm.Engine.Network;

/// <summary>Which way a slot's addresses go on the host, and what routes and devices the host has. To be called on the network thread.</summary>
internal static class HostRoutes
{
    /// <summary>Gives a link its addresses outside; takes them from the link that had them.</summary>
    /// <param name="sockets">The host.</param>
    /// <param name="index">The link's <see cref="NetworkLink.Index"/>.</param>
    /// <param name="four">The IPv4 address.</param>
    /// <param name="six">The IPv6 address, for a link that carries it.</param>
    /// <exception cref="MicroVmException">The kernel refused; a route that was already added goes with the link.</exception>
    public static void Attach(HostSockets sockets, int index, IPAddress four, IPAddress? six)
    {
        NetlinkBatch batch = sockets.Batch;
        batch.AddRoute(new IPNetwork(four, 32), SlotConstants.InnerEnd, index);
        if (six is not null)
        {
            batch.AddRoute(new IPNetwork(six, 128), SlotConstants.InnerEndV6, index);
        }

        Send(sockets, batch, "attach the link");
    }

    /// <summary>Takes the addresses from a link, if it has them: also after the link is gone, or another has them.</summary>
    /// <inheritdoc cref="Attach"/>
    public static void Detach(HostSockets sockets, int index, IPAddress four, IPAddress? six)
    {
        foreach (IPNetwork destination in (IPNetwork[])[new(four, 32), .. six is null ? Array.Empty<IPNetwork>() : [new(six, 128)]])
        {
            NetlinkBatch batch = sockets.Batch;
            batch.DeleteRoute(destination, index);
            try
            {
                sockets.Route.Send(batch, "detach the link");
            }
            catch (LinuxException exception) when (exception.Errno is Errno.NoSuchProcess or Errno.NoDevice)
            {
                // No such route, or no such device any more.
            }
            catch (LinuxException exception)
            {
                throw NetworkErrors.Of(exception);
            }
        }
    }

    /// <summary>All routes of all tables, but those that only say which addresses are for many.</summary>
    public static IReadOnlyList<HostRoute> List(HostSockets sockets)
    {
        Dictionary<int, string> names = Devices(sockets);
        List<HostRoute> routes = [];
        foreach (byte family in (ReadOnlySpan<byte>)[Rtnetlink.FamilyIPv4, Rtnetlink.FamilyIPv6])
        {
            if (family == Rtnetlink.FamilyIPv6 && !sockets.HasIPv6)
            {
                continue;
            }

            NetlinkBatch batch = sockets.Batch;
            batch.Begin(Rtnetlink.GetRoute, NetlinkBatch.Dump, "list").Add(new Rtnetlink.Route { Family = family });
            routes.AddRange(Dump(sockets, batch, "list the routes").Select(message => Read(message, names)).OfType<HostRoute>());
        }

        return routes;
    }

    /// <summary>Whether the host has a way to an address; one question to the kernel, however many routes there are.</summary>
    public static bool LeadsTo(HostSockets sockets, IPAddress address)
    {
        NetlinkBatch batch = sockets.Batch;
        byte[] bytes = address.GetAddressBytes();
        batch.Begin(Rtnetlink.GetRoute, 0, "look up")
            .Add(new Rtnetlink.Route { Family = LinkMessages.FamilyOf(address), DestinationLength = (byte)(8 * bytes.Length) })
            .AddBytes(Rtnetlink.RouteDestination, bytes);
        try
        {
            sockets.Route.Send(batch, $"look up the route to {address}");
            return true;
        }
        catch (LinuxException exception) when (exception.Errno is Errno.NetworkUnreachable or Errno.HostUnreachable or Errno.NotSupported or Errno.AddressFamilyNotSupported)
        {
            return false;
        }
        catch (LinuxException exception)
        {
            throw NetworkErrors.Of(exception);
        }
    }

    /// <summary>Whether the host has a route to everywhere.</summary>
    public static bool HasDefault(HostSockets sockets, bool six) => List(sockets).Any(route =>
        route is { Destination.PrefixLength: 0, Device: not "lo" and not null } && LinkMessages.FamilyOf(route.Destination.BaseAddress) == (six ? Rtnetlink.FamilyIPv6 : Rtnetlink.FamilyIPv4));

    /// <summary>All devices: their names by their interface indexes.</summary>
    public static Dictionary<int, string> Devices(HostSockets sockets)
    {
        NetlinkBatch batch = sockets.Batch;
        batch.Begin(Rtnetlink.GetLink, NetlinkBatch.Dump, "list").Add(default(Rtnetlink.Link));
        Dictionary<int, string> devices = [];
        foreach (NetlinkMessage message in Dump(sockets, batch, "list the devices"))
        {
            devices[message.Structure<Rtnetlink.Link>().Index] = NameOf(message);
        }

        return devices;
    }

    /// <summary>The interface index of a device, or null when there is none of that name.</summary>
    public static int? IndexOf(HostSockets sockets, string name)
    {
        NetlinkBatch batch = sockets.Batch;
        batch.Begin(Rtnetlink.GetLink, 0, "find").Add(default(Rtnetlink.Link)).AddText(Rtnetlink.LinkName, name);
        try
        {
            return sockets.Route.Send(batch, "find the device")[0].Structure<Rtnetlink.Link>().Index;
        }
        catch (LinuxException exception) when (exception.Errno == Errno.NoDevice)
        {
            return null;
        }
        catch (LinuxException exception)
        {
            throw NetworkErrors.Of(exception);
        }
    }

    private static void Send(HostSockets sockets, NetlinkBatch batch, string what)
    {
        try
        {
            sockets.Route.Send(batch, what);
        }
        catch (LinuxException exception)
        {
            throw NetworkErrors.Of(exception);
        }
    }

    private static IReadOnlyList<NetlinkMessage> Dump(HostSockets sockets, NetlinkBatch batch, string what)
    {
        try
        {
            return sockets.Route.Dump(batch, what);
        }
        catch (LinuxException exception)
        {
            throw NetworkErrors.Of(exception);
        }
    }

    private static HostRoute? Read(NetlinkMessage message, Dictionary<int, string> names)
    {
        Rtnetlink.Route route = message.Structure<Rtnetlink.Route>();
        if (route.Type is Rtnetlink.Broadcast or Rtnetlink.Anycast or Rtnetlink.Multicast || (route.Flags & Rtnetlink.Cloned) != 0)
        {
            return null;
        }

        IPAddress destination = route.Family == Rtnetlink.FamilyIPv4 ? IPAddress.Any : IPAddress.IPv6Any;
        string? device = null;
        NetlinkAttributes attributes = message.Attributes(12);
        while (attributes.MoveNext())
        {
            if (attributes.Type == Rtnetlink.RouteDestination)
            {
                destination = new IPAddress(attributes.Value);
            }
            else if (attributes.Type == Rtnetlink.RouteDevice)
            {
                device = names.GetValueOrDefault((int)attributes.UInt32);
            }
        }

        return new HostRoute(new IPNetwork(destination, route.DestinationLength), device, route.Protocol);
    }

    private static string NameOf(NetlinkMessage message)
    {
        NetlinkAttributes attributes = message.Attributes(16);
        return attributes.MoveTo(Rtnetlink.LinkName) ? attributes.Text : "";
    }
}
