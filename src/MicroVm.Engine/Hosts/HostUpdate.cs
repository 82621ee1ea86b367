namespace MicroVm.Engine.Hosts;

/// <summary>What is to be set for the host. <c>null</c> leaves it as it is.</summary>
public sealed record HostUpdate
{
    /// <summary>A network of IPv4, such as "10.213.0.0/17".</summary>
    public string? AddressPool { get; init; }

    /// <summary>A network of IPv6, such as "fd12:3456:789a::/64"; empty for none.</summary>
    public string? IPv6AddressPool { get; init; }

    /// <summary>How many network links to keep ready.</summary>
    public int? SpareSlots { get; init; }
}
