using System.Runtime.InteropServices;
using Microsoft.Win32.SafeHandles;

namespace MicroVm.Engine.Native;

/// <summary>Copies between files inside the kernel: whole files by reference (ioctl_ficlone(2)) and ranges by value (copy_file_range(2)).</summary>
internal static partial class FileCopy
{
    // _IOW(0x94, 9, int)
    private const ulong FiClone = 0x40049409;
    private const int EIntr = 4;
    private const int EXDev = 18;
    private const int EInval = 22;
    private const int ENoTty = 25;
    private const int ENoSys = 38;
    private const int EOpNotSupp = 95;

    /// <summary>
    /// Makes <paramref name="destination"/> share all blocks of <paramref name="source"/> until one of them is written. Says false where the file system, or
    /// the pair of them, cannot.
    /// </summary>
    /// <exception cref="IOException">The call failed otherwise.</exception>
    public static bool TryReflink(SafeFileHandle source, SafeFileHandle destination)
    {
        if (IoCtl(destination, FiClone, source.DangerousGetHandle()) == 0)
        {
            return true;
        }

        int errno = Marshal.GetLastPInvokeError();
        return CannotDo(errno) || errno == ENoTty ? false : throw LinuxException.From("ioctl FICLONE", errno);
    }

    /// <summary>
    /// Copies up to <paramref name="length"/> bytes from one offset to the same offset; returns how many, 0 at the end of the source, or -1 where the pair
    /// of file systems cannot and the caller must read and write.
    /// </summary>
    /// <exception cref="IOException">The call failed otherwise.</exception>
    public static long TryCopyRange(SafeFileHandle source, SafeFileHandle destination, long offset, long length)
    {
        while (true)
        {
            long from = offset;
            long to = offset;
            nint copied = CopyFileRange(source, ref from, destination, ref to, (nuint)length, 0);
            if (copied >= 0)
            {
                return copied;
            }

            int errno = Marshal.GetLastPInvokeError();
            if (CannotDo(errno))
            {
                return -1;
            }

            if (errno != EIntr)
            {
                throw LinuxException.From("copy_file_range", errno);
            }
        }
    }

    private static bool CannotDo(int errno) => errno is EXDev or EInval or ENoSys or EOpNotSupp;

    [LibraryImport("libc", EntryPoint = "ioctl", SetLastError = true)]
    private static partial int IoCtl(SafeFileHandle file, ulong request, nint argument);

    [LibraryImport("libc", EntryPoint = "copy_file_range", SetLastError = true)]
    private static partial nint CopyFileRange(SafeFileHandle source, ref long from, SafeFileHandle destination, ref long to, nuint length, uint flags);
}
