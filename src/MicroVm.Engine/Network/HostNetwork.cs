using System.Collections.Concurrent;
using System.Net.Sockets;
using System.Runtime.ExceptionServices;
using Microsoft.Win32.SafeHandles;
using MicroVm.Engine.Native;

namespace MicroVm.Engine.Network;

/// <summary>
/// The thread on which everything is done to the host's network, one thing after the other: the kernel does no two at once either (its RTNL lock). It starts with
/// the first thing to do. In <c>/proc/sys/net</c> it sees what belongs to its namespace.
/// </summary>
/// <param name="networkNamespace">The namespace that is the host's; null for that of this process. It stays the caller's, and open.</param>
internal sealed class HostNetwork(SafeFileHandle? networkNamespace = null) : IDisposable
{
    private const int StackBytes = 256 << 10;

    private readonly Lock _lock = new();
    private BlockingCollection<Work>? _queue;
    private bool _ended;

    /// <summary>Runs a function on the thread and waits for it. Its exceptions pass unchanged. Not to be called on that thread.</summary>
    public T Run<T>(Func<HostSockets, T> function)
    {
        T result = default!;
        using Work work = new(sockets => result = function(sockets));
        lock (_lock)
        {
            ObjectDisposedException.ThrowIf(_ended, this);
            if (_queue is null)
            {
                BlockingCollection<Work> queue = _queue = [];
                new Thread(() => Serve(queue), StackBytes) { IsBackground = true, Name = "MicroVm network" }.Start();
            }

            _queue.Add(work);
        }

        work.Wait();
        return result;
    }

    /// <summary>As the other, for what has no result.</summary>
    public void Run(Action<HostSockets> action) => Run<object?>(sockets =>
    {
        action(sockets);
        return null;
    });

    /// <summary>Opens a socket into the namespace; it stays there, whoever uses it.</summary>
    public Socket OpenSocket(AddressFamily family, SocketType type, ProtocolType protocol) =>
        networkNamespace is null ? new Socket(family, type, protocol) : Run(_ => new Socket(family, type, protocol));

    /// <summary>Ends the thread when it has done what was asked of it before.</summary>
    public void Dispose()
    {
        lock (_lock)
        {
            _ended = true;
            _queue?.CompleteAdding();
        }
    }

    private void Serve(BlockingCollection<Work> queue)
    {
        HostSockets? sockets = null;
        foreach (Work work in queue.GetConsumingEnumerable())
        {
            work.Do(() =>
            {
                if (sockets is null && networkNamespace is not null)
                {
                    Namespaces.Enter(networkNamespace, Namespaces.Network);
                }

                return sockets ??= new HostSockets();
            });
            if (sockets is { Lost: true })
            {
                Abandon(queue);
            }
        }

        sockets?.Dispose();
    }

    // A thread that is in the wrong namespace takes no more work; the next has a new one.
    private void Abandon(BlockingCollection<Work> queue)
    {
        lock (_lock)
        {
            queue.CompleteAdding();
            if (_queue == queue)
            {
                _queue = null;
            }
        }

        foreach (Work work in queue.GetConsumingEnumerable())
        {
            work.Do(() => throw new IOException("The network thread has lost its namespace."));
        }
    }

    private sealed class Work(Action<HostSockets> function) : IDisposable
    {
        private readonly ManualResetEventSlim _done = new();
        private ExceptionDispatchInfo? _failure;

        public void Do(Func<HostSockets> sockets)
        {
            try
            {
                function(sockets());
            }
            catch (Exception exception)
            {
                _failure = ExceptionDispatchInfo.Capture(exception);
            }
            finally
            {
                _done.Set();
            }
        }

        public void Wait()
        {
            _done.Wait();
            _failure?.Throw();
        }

        public void Dispose() => _done.Dispose();
    }
}
