using System.Runtime.InteropServices;
using Microsoft.Win32.SafeHandles;

namespace MicroVm.Engine.Native;

/// <summary>Named pipes (fifo(7)), opened so that no call on them blocks.</summary>
internal static partial class Fifo
{
    private const int WriteOnly = 1;
    private const int NonBlocking = 0x800;
    private const int CloseOnExec = 0x80000;
    private const uint OwnerOnly = 0x180;

    /// <summary>Makes a named pipe that only its owner may open.</summary>
    public static void Create(string path)
    {
        if (MakeFifo(path, OwnerOnly) != 0)
        {
            throw LinuxException.Last("mkfifo", path);
        }
    }

    /// <summary>Opens the end that is written to.</summary>
    /// <exception cref="LinuxException"><see cref="Errno.NoSuchDevice"/>: nobody has it open for reading.</exception>
    public static SafeFileHandle OpenForWriting(string path) => Open(path, WriteOnly);

    /// <summary>Opens the end that is read from.</summary>
    public static SafeFileHandle OpenForReading(string path) => Open(path, 0);

    private static SafeFileHandle Open(string path, int access)
    {
        SafeFileHandle file = OpenNative(path, access | NonBlocking | CloseOnExec, 0);
        return file.IsInvalid ? throw LinuxException.Last("open", path) : file;
    }

    [LibraryImport("libc", EntryPoint = "mkfifo", SetLastError = true, StringMarshalling = StringMarshalling.Utf8)]
    private static partial int MakeFifo(string path, uint mode);

    [LibraryImport("libc", EntryPoint = "open", SetLastError = true, StringMarshalling = StringMarshalling.Utf8)]
    private static partial SafeFileHandle OpenNative(string path, int flags, uint mode);
}
