using System.Net;

namespace MicroVm.Engine.Network;

/// <summary>A route of the host, in any of its tables.</summary>
/// <param name="Destination">Where it leads to.</param>
/// <param name="Device">By which device; null when it leads to none, as a blackhole, or to several.</param>
/// <param name="Protocol">Who made it (rtm_protocol).</param>
internal sealed record HostRoute(IPNetwork Destination, string? Device, byte Protocol)
{
    /// <summary>Whether the engine made it.</summary>
    public bool IsOurs => Protocol == SlotConstants.RouteProtocol;
}
