using System.Runtime.InteropServices;
using Microsoft.Win32.SafeHandles;

namespace MicroVm.Engine.Native;

/// <summary>Tells when a file is written to, or when files are moved into or removed from a directory (inotify(7)).</summary>
internal sealed partial class FileWatch : IDisposable
{
    private const int NonBlockingCloseOnExec = 0x800 | 0x80000;
    private const uint Modified = 0x2;
    private const uint ClosedAfterWriting = 0x8;
    private const uint MovedTo = 0x80;
    private const uint Deleted = 0x200;
    private const uint SelfDeleted = 0x400;

    private readonly byte[] _events = new byte[4096];

    /// <summary>Begins to watch an existing file or directory.</summary>
    public FileWatch(string path)
        : this(path, Modified | MovedTo | Deleted | SelfDeleted)
    {
    }

    private FileWatch(string path, uint events)
    {
        Handle = InotifyInit(NonBlockingCloseOnExec);
        if (Handle.IsInvalid || InotifyAddWatch(Handle, path, events) < 0)
        {
            LinuxException failure = LinuxException.Last("inotify", path);
            Handle.Dispose();
            throw failure;
        }
    }

    /// <summary>Watches for whoever has a file open for writing to close it, be it by dying.</summary>
    public static FileWatch ForClose(string path) => new(path, ClosedAfterWriting);

    /// <summary>Watches for files that are moved into a directory.</summary>
    public static FileWatch ForArrival(string directory) => new(directory, MovedTo);

    /// <summary>Becomes readable when something changed since the last <see cref="Clear"/>.</summary>
    public SafeFileHandle Handle { get; }

    /// <summary>Forgets what has been told so far; call it before looking at the file.</summary>
    public void Clear()
    {
        while (Read(Handle, _events, (nuint)_events.Length) > 0)
        {
        }
    }

    /// <inheritdoc/>
    public void Dispose() => Handle.Dispose();

    [LibraryImport("libc", EntryPoint = "inotify_init1", SetLastError = true)]
    private static partial SafeFileHandle InotifyInit(int flags);

    [LibraryImport("libc", EntryPoint = "inotify_add_watch", SetLastError = true, StringMarshalling = StringMarshalling.Utf8)]
    private static partial int InotifyAddWatch(SafeFileHandle watch, string path, uint mask);

    [LibraryImport("libc", EntryPoint = "read", SetLastError = true)]
    private static partial nint Read(SafeFileHandle file, [Out] byte[] buffer, nuint count);
}
