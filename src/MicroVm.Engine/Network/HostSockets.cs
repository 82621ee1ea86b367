using Microsoft.Win32.SafeHandles;
using MicroVm.Engine.Native;

namespace MicroVm.Engine.Network;

/// <summary>What the thread of a <see cref="HostNetwork"/> works with: sockets into its namespace, opened when first needed and kept. For that thread alone.</summary>
internal sealed class HostSockets : IDisposable
{
    // A new one takes 0.1 ms, each namespace in it some 0.7 µs of all that follow.
    private const int NamespacesPerProc = 64;

    private SafeFileHandle? _proc;
    private int _procUses;
    private NetlinkSocket? _route;
    private NetlinkSocket? _netfilter;

    /// <summary>Devices, addresses, routes.</summary>
    public NetlinkSocket Route => _route ??= NetlinkSocket.Open(NetlinkSocket.Route);

    /// <summary>The packet filter. Closing such a socket takes 16 ms after something was deleted by it: one more reason to keep it.</summary>
    public NetlinkSocket Netfilter => _netfilter ??= NetlinkSocket.Open(NetlinkSocket.Netfilter);

    /// <summary>The namespace.</summary>
    public SafeFileHandle Namespace { get; } = Namespaces.OpenNetwork();

    /// <summary>What tells the namespace from all others there are now.</summary>
    public ulong NamespaceIdentity => field != 0 ? field : field = Namespaces.IdentityOf(Namespace);

    /// <summary>Room for a batch, empty.</summary>
    public NetlinkBatch Batch
    {
        get
        {
            field.Clear();
            return field;
        }
    } = new(2048);

    /// <summary>Whether the namespace has IPv6 at all.</summary>
    public bool HasIPv6 { get; } = Directory.Exists("/proc/sys/net/ipv6");

    /// <summary>Whether the thread has left the namespace and could not come back, so that it is of no more use.</summary>
    public bool Lost { get; set; }

    /// <summary>The proc(5) for one more network namespace's settings; null for <c>/proc</c>.</summary>
    public SafeFileHandle? NextProc()
    {
        if (_procUses++ % NamespacesPerProc == 0)
        {
            _proc?.Dispose();
            _proc = PrivateProc.TryOpen();
        }

        return _proc;
    }

    /// <inheritdoc/>
    public void Dispose()
    {
        _proc?.Dispose();
        _route?.Dispose();
        _netfilter?.Dispose();
        Namespace.Dispose();
    }
}
