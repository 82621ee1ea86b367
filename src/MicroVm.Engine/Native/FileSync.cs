using System.Runtime.InteropServices;
using Microsoft.Win32.SafeHandles;

namespace MicroVm.Engine.Native;

/// <summary>Durability of files and directories (fsync(2)).</summary>
internal static partial class FileSync
{
    private const int ReadOnly = 0;
    private const int Directory = 0x10000;
    private const int CloseOnExec = 0x80000;

    /// <summary>Makes the names in a directory durable.</summary>
    public static void SyncDirectory(string path) => Sync(path, ReadOnly | Directory | CloseOnExec);

    /// <summary>Makes the content of a file durable.</summary>
    public static void SyncFile(string path) => Sync(path, ReadOnly | CloseOnExec);

    private static void Sync(string path, int flags)
    {
        using SafeFileHandle handle = Open(path, flags, 0);
        if (handle.IsInvalid || FSync(handle) != 0)
        {
            throw LinuxException.Last("fsync", path);
        }
    }

    [LibraryImport("libc", EntryPoint = "open", SetLastError = true, StringMarshalling = StringMarshalling.Utf8)]
    private static partial SafeFileHandle Open(string path, int flags, uint mode);

    [LibraryImport("libc", EntryPoint = "fsync", SetLastError = true)]
    private static partial int FSync(SafeFileHandle file);
}
