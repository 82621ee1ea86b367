namespace MicroVm.Engine.Vmm;

/// <summary>How a VMM carries bytes between host and agent.</summary>
internal enum VmmAgentTransport
{
    /// <summary>A virtio-serial port, as two named pipes: <c>.in</c> and <c>.out</c> after the path.</summary>
    VirtioSerial,

    /// <summary>vsock, as a Unix socket that takes <c>CONNECT port</c>.</summary>
    HybridVsock,
}
