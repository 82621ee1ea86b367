using MicroVm.Engine.Native;

namespace MicroVm.Engine.Guest.Agent;

/// <summary>
/// A virtio-serial port whose host side is a pair of named pipes, <c>PATH.in</c> and <c>PATH.out</c>, which the VMM holds open all the time. So the guest never
/// sees the host come and go: an agent that reads end-of-file looks again only every tenth of a second, with a client or without. And what is sent before the
/// agent runs waits for it.
/// </summary>
internal sealed class VirtioSerialChannel(string path) : IGuestChannel
{
    /// <inheritdoc/>
    public Task<Stream> OpenAsync(CancellationToken cancellationToken)
    {
        cancellationToken.ThrowIfCancellationRequested();
        return Task.FromResult<Stream>(new FifoStream(path + ".in", path + ".out"));
    }
}
