using System.Security.Cryptography;
using MicroVm.Engine.Network;
using MicroVm.Engine.State;

namespace MicroVm.Engine.Machines;

/// <summary>Chooses what a VM's interfaces are from what was asked for.</summary>
internal static class InterfaceChoice
{
    private const string Dhcp = "dhcp";
    private const string None = "none";

    /// <summary>The interfaces of a new VM.</summary>
    /// <param name="context">The engine.</param>
    /// <param name="interfaces">What was asked for; checked.</param>
    /// <exception cref="Errors.MicroVmException"><see cref="Errors.ErrorIds.NetworkNotFound"/>: a named network that is not there.</exception>
    public static IReadOnlyList<MachineInterface> Of(EngineContext context, IReadOnlyList<NetworkInterfaceSpec> interfaces)
    {
        if (interfaces.Count == 0)
        {
            return [];
        }

        HostOutlook outlook = HostOutlook.Of(context);
        return [.. interfaces.Select(one => one.Mode switch
        {
            NetworkMode.Named => Inside(one.Mode, context.Networks.Get(one.Name!).Name, outlook),
            NetworkMode.Nat or NetworkMode.User => Inside(one.Mode, null, outlook),
            _ => Outside(one, outlook),
        })];
    }

    // The same in every guest, so that a snapshot fits anywhere.
    private static MachineInterface Inside(NetworkMode mode, string? name, HostOutlook outlook) => new()
    {
        Mode = mode,
        Name = name,
        MacAddress = TextOf(SlotConstants.GuestMac),
        Address = $"{SlotConstants.Guest}/{SlotConstants.PrefixLength}",
        Gateway = SlotConstants.Gateway.ToString(),
        AddressV6 = outlook.HasIPv6 ? $"{SlotConstants.GuestV6}/{SlotConstants.PrefixLengthV6}" : null,
        GatewayV6 = outlook.HasIPv6 ? SlotConstants.GatewayV6.ToString() : null,
        // As many as the host has now; which ones these are is decided when they are asked.
        NameServers = [.. SlotConstants.NameServers.Take(Math.Max(1, outlook.Resolvers.Count)).Select(server => server.ToString())],
    };

    private static MachineInterface Outside(NetworkInterfaceSpec one, HostOutlook outlook)
    {
        string address = one.IPAddress ?? (one.Mode == NetworkMode.Bridge ? Dhcp : None);
        return new MachineInterface
        {
            Mode = one.Mode,
            Name = one.Name,
            NetworkNamespace = one.NetworkNamespace,
            TapDevice = one.TapDevice,
            MacAddress = one.MacAddress?.ToLowerInvariant() ?? MakeMac(),
            Address = address == None ? null : address,
            Gateway = one.Gateway,
            // DHCP tells of others.
            NameServers = address is None or Dhcp ? [] : [.. outlook.Resolvers.Select(server => server.ToString())],
        };
    }

    /// <summary>
    /// The interface of a clone. On a bridge it meets its origin, so it has a hardware address of its own, and not the address that was chosen for the other;
    /// elsewhere it is the same.
    /// </summary>
    public static MachineInterface OfClone(MachineInterface origin) => origin.Mode == NetworkMode.Bridge
        ? origin with
        {
            MacAddress = MakeMac(),
            Address = origin.Address == Dhcp ? Dhcp : null,
            Gateway = origin.Address == Dhcp ? origin.Gateway : null,
        }
        : origin;

    /// <summary>A hardware address of nobody's: locally administered, of one interface.</summary>
    public static string MakeMac()
    {
        Span<byte> mac = stackalloc byte[6];
        RandomNumberGenerator.Fill(mac);
        mac[0] = 0x02;
        return TextOf(mac);
    }

    private static string TextOf(ReadOnlySpan<byte> mac) => BitConverter.ToString(mac.ToArray()).Replace('-', ':').ToLowerInvariant();
}
