using System.Runtime.InteropServices;
using System.Text;
using Microsoft.Win32.SafeHandles;

namespace MicroVm.Engine.Native;

/// <summary>
/// Tells what happens in any number of directories, one descriptor for all (inotify(7)): entries that come or go by any way, and files that whoever wrote to
/// them has closed. Looking at files, and writing to one that stays open, is told only of files that are armed.
/// </summary>
internal sealed partial class DirectoryWatch : IDisposable
{
    private const int NonBlockingCloseOnExec = 0x800 | 0x80000;
    private const uint Modified = 0x2;
    private const uint ClosedAfterWriting = 0x8;
    private const uint Moved = 0x40 | 0x80;
    private const uint Created = 0x100;
    private const uint Deleted = 0x200;
    private const uint SelfDeleted = 0x400;
    private const uint SelfMoved = 0x800;
    private const uint Overflow = 0x4000;
    private const uint Ignored = 0x8000;
    private const uint OnlyDirectory = 0x1000000;
    private const uint OneShot = 0x80000000;

    // Room for some hundred events.
    private const int BufferBytes = 32 << 10;

    private readonly byte[] _buffer = new byte[BufferBytes];

    /// <summary>Begins, with no directory.</summary>
    /// <exception cref="LinuxException">The user has no watch left, for one (EMFILE).</exception>
    public DirectoryWatch()
    {
        Handle = InotifyInit(NonBlockingCloseOnExec);
        if (Handle.IsInvalid)
        {
            throw LinuxException.Last("inotify_init1");
        }
    }

    /// <summary>Becomes readable when there are events.</summary>
    public SafeFileHandle Handle { get; }

    /// <summary>Begins to watch a directory; null when there is none of that name.</summary>
    /// <returns>The directory's number; the same again for a directory that is watched already, by whatever name.</returns>
    /// <exception cref="LinuxException">The user has no watch left, for one (ENOSPC).</exception>
    public int? TryAdd(string path) => AddAs(path, ClosedAfterWriting | Moved | Created | Deleted | SelfDeleted | SelfMoved | OnlyDirectory);

    /// <summary>Waits for a file to be written to: that is told once, with the number given here. Null when there is none of that name.</summary>
    /// <exception cref="LinuxException">The user has no watch left, for one (ENOSPC).</exception>
    public int? TryArm(string path) => AddAs(path, Modified | OneShot);

    /// <summary>Ends the watch on a directory, which may be gone already.</summary>
    public void Remove(int watch) => _ = InotifyRemoveWatch(Handle, watch);

    /// <summary>What has happened since the last call, oldest first; never waits.</summary>
    public IReadOnlyList<DirectoryEvent> Read()
    {
        List<DirectoryEvent> events = [];
        nint read;
        while ((read = ReadNative(Handle, _buffer, (nuint)_buffer.Length)) > 0)
        {
            ReadOnlySpan<byte> rest = _buffer.AsSpan(0, (int)read);
            while (!rest.IsEmpty)
            {
                EventHeader header = MemoryMarshal.Read<EventHeader>(rest);
                int headerBytes = Marshal.SizeOf<EventHeader>();
                ReadOnlySpan<byte> name = rest.Slice(headerBytes, (int)header.NameLength);
                rest = rest[(headerBytes + name.Length)..];
                if ((header.Mask & Ignored) == 0)
                {
                    bool isEnd = (header.Mask & (SelfDeleted | SelfMoved)) != 0;
                    events.Add(new DirectoryEvent((header.Mask & Overflow) != 0 ? -1 : header.Watch, Encoding.UTF8.GetString(name.TrimEnd((byte)0)), isEnd));
                }
            }
        }

        return events;
    }

    /// <inheritdoc/>
    public void Dispose() => Handle.Dispose();

    private int? AddAs(string path, uint events)
    {
        int watch = InotifyAddWatch(Handle, path, events);
        return watch >= 0 ? watch
            : Marshal.GetLastPInvokeError() is Errno.NoSuchFile or Errno.NotADirectory ? null
            : throw LinuxException.Last("inotify_add_watch", path);
    }

    [LibraryImport("libc", EntryPoint = "inotify_init1", SetLastError = true)]
    private static partial SafeFileHandle InotifyInit(int flags);

    [LibraryImport("libc", EntryPoint = "inotify_add_watch", SetLastError = true, StringMarshalling = StringMarshalling.Utf8)]
    private static partial int InotifyAddWatch(SafeFileHandle watch, string path, uint mask);

    [LibraryImport("libc", EntryPoint = "inotify_rm_watch")]
    private static partial int InotifyRemoveWatch(SafeFileHandle watch, int descriptor);

    [LibraryImport("libc", EntryPoint = "read", SetLastError = true)]
    private static partial nint ReadNative(SafeFileHandle file, [Out] byte[] buffer, nuint count);

    /// <summary>struct inotify_event, which its name follows.</summary>
    [StructLayout(LayoutKind.Sequential)]
    private struct EventHeader
    {
        public int Watch;
        public uint Mask;
        public uint Cookie;
        public uint NameLength;
    }
}
