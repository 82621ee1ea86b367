using System.Globalization;
using System.Net;
using System.Net.NetworkInformation;
using System.Security.Cryptography;
using Microsoft.Win32.SafeHandles;
using MicroVm.Engine.Errors;
using MicroVm.Engine.Native;

namespace MicroVm.Engine.Network;

/// <summary>
/// A guest's place on a bridge of the host's: a TAP device that is a port of it, and goes with its descriptor. What the guest may send is a matter of
/// <see cref="BridgeFilter"/>, whose elements have to be removed.
/// </summary>
internal static class BridgePort
{
    /// <summary>What the devices' names begin with; eight hexadecimal digits follow.</summary>
    public const string LinkPrefix = "mvb";

    private const string BridgeKind = "bridge";
    private const int Attempts = 8;

    /// <summary>A hardware address that nobody else has: one of 2^46 of those that are given out locally.</summary>
    public static string NewMacAddress()
    {
        byte[] bytes = RandomNumberGenerator.GetBytes(6);
        bytes[0] = (byte)((bytes[0] & 0xfc) | 2);
        return string.Join(':', bytes.Select(value => value.ToString("x2", CultureInfo.InvariantCulture)));
    }

    /// <summary>Makes a port.</summary>
    /// <param name="host">Where the bridge is.</param>
    /// <param name="bridge">Its name.</param>
    /// <param name="macAddress">The guest's hardware address.</param>
    /// <param name="address">The guest's IPv4 address, if it may have no other; null leaves that to a DHCP server, say.</param>
    /// <exception cref="MicroVmException">
    /// <see cref="ErrorIds.BridgeNotFound"/>, <see cref="ErrorIds.PermissionDenied"/>, <see cref="ErrorIds.NetworkUnavailable"/>, <see cref="ErrorIds.NetworkFailed"/>;
    /// nothing is left of it.
    /// </exception>
    public static NetworkBackend Open(HostNetwork host, string bridge, string macAddress, IPAddress? address) =>
        host.Run(sockets => Open(sockets, bridge, PhysicalAddress.Parse(macAddress).GetAddressBytes(), address));

    /// <summary>Forgets a port that is no more, so that nothing of it is left. That it was not there is no error.</summary>
    /// <param name="host">Where the bridge is.</param>
    /// <param name="link">As <see cref="NetworkBackend.LinkName"/>.</param>
    public static void Forget(HostNetwork host, string link) => host.Run(sockets => BridgeFilter.Detach(sockets, link));

    /// <summary>The ports that the filter knows, and whether each is there: repair forgets those that are not.</summary>
    public static IReadOnlyList<(string Link, bool IsThere)> Known(HostNetwork host) =>
        host.Run(sockets => (IReadOnlyList<(string, bool)>)[.. BridgeFilter.Links(sockets).Select(link => (link, HostLink.Find(sockets.Route, link) is not null))]);

    private static NetworkBackend Open(HostSockets sockets, string bridge, byte[] mac, IPAddress? address)
    {
        HostLink master = FindBridge(sockets, bridge);
        try
        {
            (SafeFileHandle tap, string name) = MakeTap();
            try
            {
                // Before it is a port: it never is one of which nothing is known.
                BridgeFilter.Attach(sockets, name, mac, address);
                Enslave(sockets, name, master, mac);
                return new NetworkBackend(tap) { LinkName = name };
            }
            catch
            {
                tap.Dispose();
                BridgeFilter.Detach(sockets, name);
                throw;
            }
        }
        catch (LinuxException exception)
        {
            throw NetworkErrors.OfLink(exception);
        }
    }

    private static (SafeFileHandle Tap, string Name) MakeTap()
    {
        SafeFileHandle tap = TunFile.Open();
        try
        {
            for (int attempt = 1; ; attempt++)
            {
                string name = LinkPrefix + RandomNumberGenerator.GetHexString(8, lowercase: true);
                try
                {
                    TunFile.Take(tap, name, TunFile.Exclusive);
                    return (tap, name);
                }
                catch (LinuxException exception) when (exception.Errno is Errno.Busy or Errno.InvalidArgument && attempt < Attempts)
                {
                    // A name that is taken.
                }
            }
        }
        catch
        {
            tap.Dispose();
            throw;
        }
    }

    private static void Enslave(HostSockets sockets, string name, HostLink master, byte[] guestMac)
    {
        int index = (HostLink.Find(sockets.Route, name) ?? throw LinuxException.From("find the TAP", Errno.NoDevice, name)).Index;
        NetlinkBatch batch = sockets.Batch;
        // Above all others: a bridge takes the lowest of its ports' addresses for its own, and must not take this one.
        byte[] mac = [0xfe, .. guestMac.AsSpan(1)];
        batch.Begin(Rtnetlink.NewLink, 0, "prepare the port").Add(new Rtnetlink.Link { Index = index }).AddBytes(Rtnetlink.LinkAddress, mac).AddUInt32(Rtnetlink.LinkMtu, (uint)master.Mtu);
        if (sockets.HasIPv6)
        {
            batch.Open(Rtnetlink.LinkFamilies).Open(Rtnetlink.FamilyIPv6).AddByte(Rtnetlink.AddressGeneration, Rtnetlink.NoAddressGeneration).Close().Close();
        }

        batch.Begin(Rtnetlink.NewLink, 0, "join the bridge").Add(new Rtnetlink.Link { Index = index, Flags = Rtnetlink.Up, Change = Rtnetlink.Up }).AddUInt32(Rtnetlink.LinkMaster, (uint)master.Index);
        sockets.Route.Send(batch, $"make a port of the bridge '{master.Name}'");
    }

    private static HostLink FindBridge(HostSockets sockets, string bridge)
    {
        HostLink? found = HostLink.Find(sockets.Route, bridge);
        if (found is { Kind: BridgeKind })
        {
            return found;
        }

        string[] there = [.. HostLink.All(sockets.Route).Where(link => link.Kind == BridgeKind).Select(link => link.Name).Order(StringComparer.Ordinal)];
        throw new MicroVmException(
            ErrorIds.BridgeNotFound,
            found is null ? ErrorKind.NotFound : ErrorKind.InvalidArgument,
            found is null ? $"The host has no bridge '{bridge}'." : $"'{bridge}' is no bridge{(found.Kind is null ? "" : $" but a {found.Kind}")}.")
        {
            Target = bridge,
            RecommendedAction = there.Length == 0 ? "The host has no bridges. Make one: ip link add <name> type bridge" : $"The host's bridges: {string.Join(", ", there)}.",
        };
    }
}
