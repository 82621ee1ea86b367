using System.Runtime.InteropServices;
using Microsoft.Win32.SafeHandles;

namespace MicroVm.Engine.Native;

/// <summary>
/// Waits until descriptors that are no sockets can be read or written, without a thread for each (epoll(7)). One thread, made at the first wait, serves all;
/// a descriptor is waited for once at a time.
/// </summary>
internal static partial class Readiness
{
    private const int CloseOnExec = 0x80000;
    private const int Add = 1;
    private const int Remove = 2;
    private const uint In = 1;
    private const uint Out = 4;
    private const uint OneShot = 1u << 30;
    private const int BatchSize = 16;

    // struct epoll_event is packed on x86-64 and nowhere else.
    private static readonly int s_dataOffset = RuntimeInformation.ProcessArchitecture == Architecture.X64 ? 4 : 8;
    private static readonly int s_eventSize = s_dataOffset + sizeof(long);
    // Guarded by itself.
    private static readonly Dictionary<long, TaskCompletionSource> s_waits = [];
    private static readonly Lazy<SafeFileHandle> s_poll = new(Start);
    private static long s_lastId;

    /// <summary>Waits until there is something to read, or the other end is closed.</summary>
    public static Task ReadableAsync(SafeHandle file, CancellationToken cancellationToken) => WaitAsync(file, In, cancellationToken);

    /// <summary>Waits until there is room to write, or the other end is closed.</summary>
    public static Task WritableAsync(SafeHandle file, CancellationToken cancellationToken) => WaitAsync(file, Out, cancellationToken);

    /// <summary>Waits until the other end is closed; until a process is reaped, when the descriptor is one of a process (Linux 6.15).</summary>
    public static Task HangUpAsync(SafeHandle file, CancellationToken cancellationToken) => WaitAsync(file, 0, cancellationToken);

    private static async Task WaitAsync(SafeHandle file, uint events, CancellationToken cancellationToken)
    {
        cancellationToken.ThrowIfCancellationRequested();
        SafeFileHandle poll = s_poll.Value;
        long id = Interlocked.Increment(ref s_lastId);
        TaskCompletionSource ready = new(TaskCreationOptions.RunContinuationsAsynchronously);
        lock (s_waits)
        {
            s_waits[id] = ready;
        }

        try
        {
            Control(poll, Add, file, events | OneShot, id);
            try
            {
                await ready.Task.WaitAsync(cancellationToken);
            }
            finally
            {
                Control(poll, Remove, file, 0, 0);
            }
        }
        finally
        {
            Take(id);
        }
    }

    private static TaskCompletionSource? Take(long id)
    {
        lock (s_waits)
        {
            return s_waits.Remove(id, out TaskCompletionSource? wait) ? wait : null;
        }
    }

    private static SafeFileHandle Start()
    {
        SafeFileHandle poll = EpollCreate(CloseOnExec);
        if (poll.IsInvalid)
        {
            throw LinuxException.Last("epoll_create1");
        }

        new Thread(() => Serve(poll), maxStackSize: 256 << 10) { IsBackground = true, Name = "microvm-epoll" }.Start();
        return poll;
    }

    private static unsafe void Serve(SafeFileHandle poll)
    {
        byte[] events = new byte[BatchSize * s_eventSize];
        while (true)
        {
            int count;
            fixed (byte* first = events)
            {
                count = EpollWait(poll, first, BatchSize, -1);
            }

            for (int i = 0; i < count; i++)
            {
                long id = MemoryMarshal.Read<long>(events.AsSpan((i * s_eventSize) + s_dataOffset));
                Take(id)?.TrySetResult();
            }
        }
    }

    private static unsafe void Control(SafeFileHandle poll, int operation, SafeHandle file, uint events, long id)
    {
        byte* description = stackalloc byte[16];
        *(uint*)description = events;
        MemoryMarshal.Write(new Span<byte>(description + s_dataOffset, sizeof(long)), id);
        if (EpollControl(poll, operation, file, description) != 0)
        {
            throw LinuxException.Last("epoll_ctl");
        }
    }

    [LibraryImport("libc", EntryPoint = "epoll_create1", SetLastError = true)]
    private static partial SafeFileHandle EpollCreate(int flags);

    [LibraryImport("libc", EntryPoint = "epoll_ctl", SetLastError = true)]
    private static unsafe partial int EpollControl(SafeFileHandle poll, int operation, SafeHandle file, byte* description);

    [LibraryImport("libc", EntryPoint = "epoll_wait", SetLastError = true)]
    private static unsafe partial int EpollWait(SafeFileHandle poll, byte* events, int maximum, int timeout);
}
