namespace MicroVm.Engine.Vmm;

/// <summary>The VMM closed its control socket, or was not there.</summary>
internal sealed class VmmConnectionException(string message, Exception? inner = null) : IOException(message, inner);
