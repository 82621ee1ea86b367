using System.Globalization;
using System.Net;
using System.Net.NetworkInformation;
using System.Net.Sockets;
using MicroVm.Engine.Errors;
using MicroVm.Engine.State;

namespace MicroVm.Engine.Machines;

/// <summary>The rules for what a VM's network may be, each with one message.</summary>
internal static class NetworkRules
{
    private const int MostInterfaces = 8;

    // IFNAMSIZ, less the end.
    private const int MostDeviceNameLength = 15;

    private const int MostPorts = 256;

    private const int MostEgressRules = 256;

    // What guests and links have inside, and what no host can have.
    private static readonly IPNetwork[] s_notForPools =
        [.. ((string[])["0.0.0.0/8", "127.0.0.0/8", "169.254.0.0/16", "224.0.0.0/3", "::/16", "fd6d:6963:766d::/48", "fe80::/10", "ff00::/8"]).Select(text => IPNetwork.Parse(text))];

    /// <summary>Checks all that can be checked without touching anything.</summary>
    public static void Check(VirtualMachineSpec spec)
    {
        CheckCount(spec.Interfaces.Count);
        foreach (NetworkInterfaceSpec one in spec.Interfaces)
        {
            Check(one);
        }

        CheckShared([.. spec.Interfaces.Select(one => (one.Mode, one.ToString()))]);
        CheckMacs(spec.Interfaces.Select(one => one.MacAddress));
        CheckPorts(spec.PublishedPorts, spec.Interfaces.Select(one => one.Mode));
        if (spec.Egress is { } egress)
        {
            CheckEgress(egress, spec.Interfaces.Select(one => one.Mode));
        }
    }

    /// <summary>Checks an interface that a VM shall have besides those it has.</summary>
    /// <param name="present">Those.</param>
    /// <param name="added">The interface.</param>
    public static void CheckAdded(IReadOnlyList<MachineInterface> present, NetworkInterfaceSpec added)
    {
        CheckCount(present.Count + 1);
        Check(added);
        CheckShared([.. present.Select(one => (one.Mode, one.Name ?? one.Mode.ToString())), (added.Mode, added.ToString())]);
        CheckMacs([.. present.Select(one => one.MacAddress), added.MacAddress]);
    }

    /// <summary>Whether the interfaces of a mode have a slot, and with it an address of the host's pool, published ports and an egress policy.</summary>
    public static bool HasSlot(NetworkMode mode) => mode is NetworkMode.Nat or NetworkMode.Named;

    /// <summary>Whether ports can be published by the interfaces of a mode.</summary>
    public static bool CanPublish(NetworkMode mode) => HasSlot(mode) || mode == NetworkMode.User;

    /// <summary>Checks ports that shall be published.</summary>
    /// <param name="ports">The ports.</param>
    /// <param name="modes">The modes of the VM's interfaces.</param>
    public static void CheckPorts(IReadOnlyList<PublishedPort> ports, IEnumerable<NetworkMode> modes)
    {
        if (ports.Count == 0)
        {
            return;
        }

        if (!modes.Any(CanPublish))
        {
            throw new MicroVmException(
                ErrorIds.NetworkNotSupported, ErrorKind.NotSupported, $"Port {ports[0].GuestPort.ToString(CultureInfo.InvariantCulture)} cannot be published: the VM has no network of mode Nat or User, nor a named one.")
            {
                Target = ports[0],
                RecommendedAction = "Make the VM with -Network Nat, or -Network User where there are no privileges.",
            };
        }

        if (ports.Count > MostPorts)
        {
            throw Invalid(ports.Count, string.Create(CultureInfo.InvariantCulture, $"A VM publishes at most {MostPorts} ports."), "Publish fewer.");
        }

        foreach (PublishedPort port in ports)
        {
            IPAddress address = IPAddress.Parse(port.HostAddress);
            if (address.AddressFamily == AddressFamily.InterNetworkV6 && IPAddress.IsLoopback(address))
            {
                throw Invalid(port, "No port can be published on ::1: the kernel forwards nothing from there.", "Use 127.0.0.1, or an address of a network interface of the host's.");
            }

            if (address.IsIPv6Multicast || address.Equals(IPAddress.Broadcast) || address.GetAddressBytes() is [>= 224 and <= 239, _, _, _])
            {
                throw Invalid(port, $"No port can be published on {port.HostAddress}: it stands for many hosts.", "Use an address of a network interface of the host's, or 0.0.0.0 for all.");
            }
        }

        if (ports.Where(port => port.HostPort != 0).GroupBy(port => (port.HostAddress, port.HostPort, port.Protocol)).FirstOrDefault(group => group.Count() > 1) is { } twice)
        {
            throw Invalid(twice.First(), $"The host's port of {twice.First()} is given twice.", "Publish each of the host's ports once.");
        }
    }

    /// <summary>Checks a policy.</summary>
    /// <param name="policy">The policy.</param>
    /// <param name="modes">The modes of the VM's interfaces.</param>
    public static void CheckEgress(EgressPolicy policy, IEnumerable<NetworkMode> modes)
    {
        if (!modes.Any(HasSlot))
        {
            throw new MicroVmException(
                ErrorIds.NetworkNotSupported, ErrorKind.NotSupported, "An egress policy needs a network of mode Nat, or a named one; no other goes through the host's firewall.")
            {
                Target = policy,
                RecommendedAction = "Make the VM with -Network Nat, or without -EgressPolicy.",
            };
        }

        if (policy.Rules.Count > MostEgressRules)
        {
            throw Invalid(policy.Rules.Count, string.Create(CultureInfo.InvariantCulture, $"An egress policy has at most {MostEgressRules} rules."), "Use networks instead of single addresses.");
        }
    }

    /// <summary>Checks a pool of addresses.</summary>
    /// <exception cref="MicroVmException"><see cref="ErrorIds.InvalidAddressPool"/>.</exception>
    public static IPNetwork CheckPool(string text, AddressFamily family, int longestPrefix) =>
        IPNetwork.TryParse(text, out IPNetwork pool) && pool.BaseAddress.AddressFamily == family && pool.PrefixLength <= longestPrefix && !s_notForPools.Any(other => Overlap(other, pool))
            ? pool
            : throw new MicroVmException(ErrorIds.InvalidAddressPool, ErrorKind.InvalidArgument, $"'{text}' is no network for a pool of addresses.")
            {
                Target = text,
                RecommendedAction = family == AddressFamily.InterNetwork
                    ? string.Create(CultureInfo.InvariantCulture, $"Give one such as 10.213.0.0/17, with a prefix of at most {longestPrefix} bits.")
                    : string.Create(CultureInfo.InvariantCulture, $"Give one such as fd12:3456:789a::/64, with a prefix of at most {longestPrefix} bits."),
            };

    private static void CheckCount(int count)
    {
        if (count > MostInterfaces)
        {
            throw Invalid(
                count,
                string.Create(CultureInfo.InvariantCulture, $"A VM has at most {MostInterfaces} network interfaces, and {count} were asked for."),
                "Ask for fewer.");
        }
    }

    // Inside, they all have the same address.
    private static void CheckShared(IReadOnlyList<(NetworkMode Mode, string Text)> interfaces)
    {
        if (interfaces.Where(one => CanPublish(one.Mode)).ToArray() is { Length: > 1 } several)
        {
            throw Invalid(
                several[1].Text,
                $"A VM has at most one network of mode Nat, Named or User, and {string.Join(" and ", several.Take(2).Select(one => one.Text))} were asked for.",
                "A named network leads outside as well; others can be joined by a bridge of the host's.");
        }
    }

    // By it a guest knows them apart.
    private static void CheckMacs(IEnumerable<string?> addresses)
    {
        if (addresses.OfType<string>().GroupBy(mac => mac, StringComparer.OrdinalIgnoreCase).FirstOrDefault(group => group.Count() > 1) is { } twice)
        {
            throw Invalid(twice.Key, $"Two interfaces of the VM would have the hardware address '{twice.Key}'.", "Leave out -MacAddress: one that is free is chosen then.");
        }
    }

    private static bool Overlap(IPNetwork one, IPNetwork other) => one.Contains(other.BaseAddress) || other.Contains(one.BaseAddress);

    private static void Check(NetworkInterfaceSpec one)
    {
        bool isNamed = one.Mode is NetworkMode.Named or NetworkMode.Bridge;
        if (isNamed != one.Name is not null)
        {
            throw isNamed
                ? Invalid(one.Mode, $"A network of mode {one.Mode} needs a name.", one.Mode == NetworkMode.Bridge ? "Give the bridge: -BridgeName br0" : "Give the name of the network.")
                : Invalid(one.Mode, $"A network of mode {one.Mode} has no name.", "Leave it out.");
        }

        if (one.Mode == NetworkMode.Named)
        {
            NameRule.Check(one.Name!, "network");
        }

        if (one is { Mode: NetworkMode.Bridge, Name: { } bridge })
        {
            CheckDevice(bridge);
        }

        if ((one.Mode == NetworkMode.Tap) != one.TapDevice is not null || (one.Mode != NetworkMode.Tap && one.NetworkNamespace is not null))
        {
            throw Invalid(one.Mode, "A TAP device of your own is named by -TapDevice, and its network namespace by -NetworkNamespace.", "Give -Network Tap with -TapDevice, or neither.");
        }

        if (one.TapDevice is { } tap)
        {
            CheckDevice(tap);
        }

        bool isFree = one.Mode is NetworkMode.Bridge or NetworkMode.Tap;
        if (!isFree && (one.MacAddress ?? one.IPAddress ?? one.Gateway) is { } own)
        {
            throw Invalid(own, $"'{own}' cannot be chosen: a network of mode {one.Mode} has addresses of its own inside, the same for all VMs.", "Leave out -MacAddress, -IPAddress and -Gateway.");
        }

        if (one.MacAddress is { } mac && !IsUnicast(mac))
        {
            throw Invalid(mac, $"'{mac}' is not the hardware address of one interface.", "Give one such as 02:fc:00:12:34:56, whose first byte is even.");
        }

        if (one.IPAddress is { } address && address is not ("dhcp" or "none") && !IsAddressWithPrefix(address))
        {
            throw Invalid(address, $"'{address}' is not an address with its prefix.", "Give one such as 192.0.2.5/24, or dhcp, or none.");
        }

        if (one.Gateway is { } gateway && !IsFour(gateway))
        {
            throw Invalid(gateway, $"'{gateway}' is not the address of a gateway.", "Give one such as 192.0.2.1.");
        }
    }

    private static bool IsUnicast(string text) =>
        text.Length == 17 && text[2] == ':' && PhysicalAddress.TryParse(text, out PhysicalAddress? mac)
        && mac.GetAddressBytes() is [var first, ..] bytes && bytes.Length == 6 && (first & 1) == 0 && bytes.Any(part => part != 0);

    private static bool IsAddressWithPrefix(string text) =>
        text.Split('/') is [var address, var prefix] && IsFour(address)
        && int.TryParse(prefix, NumberStyles.None, CultureInfo.InvariantCulture, out int bits) && bits is >= 1 and <= 32;

    private static bool IsFour(string text) =>
        IPAddress.TryParse(text, out IPAddress? address) && address.AddressFamily == AddressFamily.InterNetwork && address.ToString() == text;

    private static void CheckDevice(string name)
    {
        if (name.Length is 0 or > MostDeviceNameLength || name is "." or ".." || name.Any(character => character is <= ' ' or >= '\x7f' or '/' or ':'))
        {
            throw Invalid(name, $"'{name}' is not the name of a network device.", "'ip link' lists the devices.");
        }
    }

    private static MicroVmException Invalid(object target, string message, string advice) =>
        new(ErrorIds.InvalidMicroVmSpec, ErrorKind.InvalidArgument, message) { Target = target, RecommendedAction = advice };
}
