using System.Runtime.InteropServices;

namespace MicroVm.Engine.Native;

/// <summary>Waits until one of several descriptors has something to read (poll(2)).</summary>
internal static unsafe partial class Polling
{
    private const short In = 1;

    // A cancelled wait ends no later than this.
    private const int SliceMilliseconds = 50;

    /// <summary>Waits; blocks the calling thread.</summary>
    /// <param name="limit">The longest wait; <see cref="Timeout.InfiniteTimeSpan"/> for none.</param>
    /// <param name="cancellationToken">Ends the wait.</param>
    /// <param name="handles">The descriptors.</param>
    /// <returns>The index of the first that is ready, or -1 when the wait ran out.</returns>
    public static int WaitAny(TimeSpan limit, CancellationToken cancellationToken, params ReadOnlySpan<SafeHandle> handles)
    {
        Entry* entries = stackalloc Entry[handles.Length];
        long deadline = limit == Timeout.InfiniteTimeSpan ? long.MaxValue : Environment.TickCount64 + (long)limit.TotalMilliseconds;
        int held = 0;
        try
        {
            for (; held < handles.Length; held++)
            {
                bool added = false;
                handles[held].DangerousAddRef(ref added);
                entries[held] = new Entry { Descriptor = (int)handles[held].DangerousGetHandle(), Events = In };
            }

            while (true)
            {
                cancellationToken.ThrowIfCancellationRequested();
                long left = Math.Max(0, deadline - Environment.TickCount64);
                int ready = Poll(entries, (nuint)handles.Length, (int)Math.Min(left, SliceMilliseconds));
                if (ready < 0 && Marshal.GetLastPInvokeError() != Errno.Interrupted)
                {
                    throw LinuxException.Last("poll");
                }

                for (int i = 0; ready > 0 && i < handles.Length; i++)
                {
                    if (entries[i].Returned != 0)
                    {
                        return i;
                    }
                }

                if (left == 0)
                {
                    return -1;
                }
            }
        }
        finally
        {
            while (held-- > 0)
            {
                handles[held].DangerousRelease();
            }
        }
    }

    [LibraryImport("libc", EntryPoint = "poll", SetLastError = true)]
    private static partial int Poll(Entry* entries, nuint count, int timeout);

    [StructLayout(LayoutKind.Sequential)]
    private struct Entry
    {
        public int Descriptor;
        public short Events;
        public short Returned;
    }
}
