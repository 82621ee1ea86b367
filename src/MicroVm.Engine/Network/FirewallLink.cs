using System.Net;

namespace MicroVm.Engine.Network;

/// <summary>A link as the firewall has it; what is missing was never put in, or somebody took it out.</summary>
/// <param name="Name">The host's side of it.</param>
/// <param name="U4">Its IPv4 address outside, or null.</param>
/// <param name="U6">Its IPv6 address outside, or null.</param>
internal sealed record FirewallLink(string Name, IPAddress? U4, IPAddress? U6);
