namespace MicroVm.Engine.Vmm;

/// <summary>Where the host reaches the agent in a guest.</summary>
/// <param name="Transport">How.</param>
/// <param name="Path">The pipes' common path, or the socket's.</param>
/// <param name="Port">The vsock port the agent listens on; 0 where there is none.</param>
internal sealed record VmmAgentEndpoint(VmmAgentTransport Transport, string Path, uint Port = 0);
