using System.Net;

namespace MicroVm.Engine.Network;

/// <summary>What is the same inside every slot, so that a snapshot of a guest is right in any. A slot differs from another only in its addresses outside.</summary>
internal static class SlotConstants
{
    /// <summary>The bits of the network between guest and gateway.</summary>
    public const int PrefixLength = 30;

    /// <summary>The same for IPv6.</summary>
    public const int PrefixLengthV6 = 64;

    /// <summary>The TAP's name in its namespace.</summary>
    public const string TapName = "tap0";

    /// <summary>The name of the link's inner end in its namespace.</summary>
    public const string UplinkName = "up0";

    /// <summary>What the host-side ends' names begin with; eight hexadecimal digits follow.</summary>
    public const string LinkPrefix = "mvm";

    /// <summary>Marks the engine's routes on the host (rtm_protocol; a number nobody else has in iproute2's rt_protos).</summary>
    public const byte RouteProtocol = 109;

    /// <summary>The guest's address.</summary>
    public static IPAddress Guest { get; } = IPAddress.Parse("169.254.0.21");

    /// <summary>The TAP's address, the guest's gateway.</summary>
    public static IPAddress Gateway { get; } = IPAddress.Parse("169.254.0.22");

    /// <summary>The guest's IPv6 address, of a unique local network.</summary>
    public static IPAddress GuestV6 { get; } = IPAddress.Parse("fd6d:6963:766d::15");

    /// <summary>The TAP's IPv6 address, the guest's gateway.</summary>
    public static IPAddress GatewayV6 { get; } = IPAddress.Parse("fd6d:6963:766d::16");

    /// <summary>The name servers the guest is told of; the firewall makes the host's of them.</summary>
    public static IReadOnlyList<IPAddress> NameServers { get; } = [IPAddress.Parse("169.254.0.53"), IPAddress.Parse("169.254.0.54"), IPAddress.Parse("169.254.0.55")];

    /// <summary>As <see cref="NameServers"/>; outside the network between guest and gateway, so that the gateway passes on what is sent to them.</summary>
    public static IReadOnlyList<IPAddress> NameServersV6 { get; } =
        [IPAddress.Parse("fd6d:6963:766d:1::53"), IPAddress.Parse("fd6d:6963:766d:1::54"), IPAddress.Parse("fd6d:6963:766d:1::55")];

    /// <summary>The next hop from the namespace to the host: no address of any device, only a neighbour's entry.</summary>
    public static IPAddress HostEnd { get; } = IPAddress.Parse("169.254.1.1");

    /// <summary>The next hop from the host into the namespace.</summary>
    public static IPAddress InnerEnd { get; } = IPAddress.Parse("169.254.1.2");

    /// <summary>As <see cref="HostEnd"/>.</summary>
    public static IPAddress HostEndV6 { get; } = IPAddress.Parse("fe80::1");

    /// <summary>As <see cref="InnerEnd"/>.</summary>
    public static IPAddress InnerEndV6 { get; } = IPAddress.Parse("fe80::2");

    /// <summary>The guest's hardware address.</summary>
    public static ReadOnlySpan<byte> GuestMac => [0x02, 0xFC, 0, 0, 0, 5];

    /// <summary>The TAP's.</summary>
    public static ReadOnlySpan<byte> GatewayMac => [0x02, 0xFC, 0, 0, 0, 6];

    /// <summary>That of the link's end on the host.</summary>
    public static ReadOnlySpan<byte> HostEndMac => [0x02, 0xFC, 0, 0, 0, 7];

    /// <summary>That of the link's end in the namespace.</summary>
    public static ReadOnlySpan<byte> InnerEndMac => [0x02, 0xFC, 0, 0, 0, 8];
}
