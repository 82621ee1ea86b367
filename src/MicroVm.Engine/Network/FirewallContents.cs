namespace MicroVm.Engine.Network;

/// <summary>What the firewall has of VMs, whoever's they are.</summary>
/// <param name="Links">The links.</param>
/// <param name="Ports">The published ports.</param>
/// <param name="PolicyChains">The chains that were made for policies with rules of their own.</param>
internal sealed record FirewallContents(IReadOnlyList<FirewallLink> Links, IReadOnlyList<FirewallPort> Ports, IReadOnlyList<string> PolicyChains);
