using System.Runtime.InteropServices;
using Microsoft.Win32.SafeHandles;

namespace MicroVm.Engine.Native;

/// <summary>File descriptors as numbers, and files without a name (fcntl(2), memfd_create(2)).</summary>
internal static partial class Descriptors
{
    private const int ReadWrite = 0x2;
    private const int CloseOnExec = 0x80000;
    private const int Create = 0x40;
    private const int DuplicateCloseOnExec = 1030;
    private const uint MemoryCloseOnExec = 1;

    /// <summary>Duplicates a descriptor to the lowest free number not below <paramref name="least"/>, closed on exec.</summary>
    public static int DuplicateAbove(SafeHandle file, int least)
    {
        int result = Fcntl(file, DuplicateCloseOnExec, least);
        return result >= 0 ? result : throw LinuxException.Last("fcntl (F_DUPFD_CLOEXEC)");
    }

    /// <summary>Opens a file for reading and writing, makes it if it is not there, and takes no lock on it: .NET's own open would.</summary>
    public static SafeFileHandle OpenUnlocked(string path)
    {
        SafeFileHandle file = OpenNative(path, ReadWrite | Create | CloseOnExec, 0x180);
        return file.IsInvalid ? throw LinuxException.Last("open", path) : file;
    }

    /// <summary>As <see cref="OpenUnlocked"/>, but for reading only, and gives null when the file is not there.</summary>
    public static SafeFileHandle? TryOpenUnlocked(string path)
    {
        SafeFileHandle file = OpenNative(path, CloseOnExec, 0);
        return !file.IsInvalid ? file : Marshal.GetLastPInvokeError() is Errno.NoSuchFile or Errno.NotADirectory ? null : throw LinuxException.Last("open", path);
    }

    /// <summary>Closes a descriptor by number.</summary>
    public static void Close(int descriptor) => _ = CloseNative(descriptor);

    /// <summary>Reads once from what has no position, such as a socket or a TAP device; .NET's own read refuses it.</summary>
    /// <returns>The bytes read; 0 at the end.</returns>
    public static int Read(SafeHandle file, Span<byte> bytes)
    {
        nint read;
        while ((read = ReadNative(file, ref MemoryMarshal.GetReference(bytes), (nuint)bytes.Length)) < 0)
        {
            if (Marshal.GetLastPInvokeError() != Errno.Interrupted)
            {
                throw LinuxException.Last("read");
            }
        }

        return (int)read;
    }

    /// <summary>Writes all of it to what has no position; a message or a frame has to go in one.</summary>
    public static void Write(SafeHandle file, ReadOnlySpan<byte> bytes)
    {
        while (bytes.Length > 0)
        {
            nint written = WriteNative(file, ref MemoryMarshal.GetReference(bytes), (nuint)bytes.Length);
            if (written < 0 && Marshal.GetLastPInvokeError() != Errno.Interrupted)
            {
                throw LinuxException.Last("write");
            }

            bytes = bytes[(int)Math.Max(0, written)..];
        }
    }

    /// <summary>Makes a file that lives in memory and is gone with its last user.</summary>
    /// <param name="name">What <c>/proc/PID/maps</c> shows after "/memfd:".</param>
    /// <param name="bytes">Its size; pages are taken as they are written.</param>
    public static SafeFileHandle CreateMemoryFile(string name, long bytes)
    {
        SafeFileHandle file = MemfdCreate(name, MemoryCloseOnExec);
        if (file.IsInvalid)
        {
            throw LinuxException.Last("memfd_create");
        }

        RandomAccess.SetLength(file, bytes);
        return file;
    }

    [LibraryImport("libc", EntryPoint = "open", SetLastError = true, StringMarshalling = StringMarshalling.Utf8)]
    private static partial SafeFileHandle OpenNative(string path, int flags, uint mode);

    [LibraryImport("libc", EntryPoint = "fcntl", SetLastError = true)]
    private static partial int Fcntl(SafeHandle file, int command, int argument);

    [LibraryImport("libc", EntryPoint = "read", SetLastError = true)]
    private static partial nint ReadNative(SafeHandle file, ref byte bytes, nuint count);

    [LibraryImport("libc", EntryPoint = "write", SetLastError = true)]
    private static partial nint WriteNative(SafeHandle file, ref readonly byte bytes, nuint count);

    [LibraryImport("libc", EntryPoint = "close")]
    private static partial int CloseNative(int descriptor);

    [LibraryImport("libc", EntryPoint = "memfd_create", SetLastError = true, StringMarshalling = StringMarshalling.Utf8)]
    private static partial SafeFileHandle MemfdCreate(string name, uint flags);
}
