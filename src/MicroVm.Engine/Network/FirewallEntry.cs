using System.Net;

namespace MicroVm.Engine.Network;

/// <summary>What the firewall has to know of a VM.</summary>
internal sealed record FirewallEntry
{
    /// <summary>The host's side of its link.</summary>
    public required string LinkName { get; init; }

    /// <summary>Its IPv4 address outside.</summary>
    public required IPAddress U4 { get; init; }

    /// <summary>Its IPv6 address outside, or null when it has no IPv6.</summary>
    public IPAddress? U6 { get; init; }

    /// <summary>Where it may go.</summary>
    public EgressPolicy Egress { get; init; } = EgressPolicy.Default;

    /// <summary>The host's ports that lead to it. Those of IPv6 addresses need <see cref="U6"/>.</summary>
    public IReadOnlyList<PublishedPort> Ports { get; init; } = [];

    /// <summary>The number of the named network it is in, or null. Equal numbers are one network on the whole host, whoever's VMs they are.</summary>
    public uint? Network { get; init; }
}
