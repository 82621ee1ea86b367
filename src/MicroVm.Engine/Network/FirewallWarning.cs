namespace MicroVm.Engine.Network;

/// <summary>Something of the host's that is in the way of VMs' packets, and that the engine leaves alone.</summary>
/// <param name="Message">What, as a sentence.</param>
/// <param name="Action">What to do about it: commands.</param>
internal sealed record FirewallWarning(string Message, string Action);
