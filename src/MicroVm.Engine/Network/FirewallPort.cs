using System.Net;

namespace MicroVm.Engine.Network;

/// <summary>A published port as the firewall has it.</summary>
/// <param name="Port">The port.</param>
/// <param name="To">The address outside of the VM that it leads to.</param>
internal sealed record FirewallPort(PublishedPort Port, IPAddress To);
