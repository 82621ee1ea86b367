using System.Runtime.InteropServices;
using Microsoft.Win32.SafeHandles;

namespace MicroVm.Engine.Native;

/// <summary>Where a sparse file has data and where it has holes (lseek(2) SEEK_DATA and SEEK_HOLE; fallocate(2) to make holes).</summary>
internal static partial class FileExtents
{
    private const int SeekData = 3;
    private const int SeekHole = 4;
    private const int KeepSize = 1;
    private const int PunchHole = 2;
    private const int ENxio = 6;
    private const int EOpNotSupp = 95;

    /// <summary>The offset of the first data at or after <paramref name="offset"/>, or -1 when only a hole follows.</summary>
    /// <exception cref="IOException">The call failed.</exception>
    public static long NextData(SafeFileHandle file, long offset)
    {
        long found = LSeek(file, offset, SeekData);
        if (found >= 0)
        {
            return found;
        }

        int errno = Marshal.GetLastPInvokeError();
        return errno == ENxio ? -1 : throw LinuxException.From("lseek", errno);
    }

    /// <summary>The offset of the first hole at or after <paramref name="offset"/>, which lies in data; the end of the file counts as a hole.</summary>
    /// <exception cref="IOException">The call failed.</exception>
    public static long NextHole(SafeFileHandle file, long offset)
    {
        long found = LSeek(file, offset, SeekHole);
        return found >= 0 ? found : throw LinuxException.Last("lseek");
    }

    /// <summary>Gives a range of bytes back to the file system; it reads as zeros. Says false where the file system has no holes.</summary>
    /// <exception cref="IOException">The call failed otherwise.</exception>
    public static bool TryPunchHole(SafeFileHandle file, long offset, long length)
    {
        if (FAllocate(file, PunchHole | KeepSize, offset, length) == 0)
        {
            return true;
        }

        int errno = Marshal.GetLastPInvokeError();
        return errno == EOpNotSupp ? false : throw LinuxException.From("fallocate", errno);
    }

    [LibraryImport("libc", EntryPoint = "lseek64", SetLastError = true)]
    private static partial long LSeek(SafeFileHandle file, long offset, int whence);

    [LibraryImport("libc", EntryPoint = "fallocate64", SetLastError = true)]
    private static partial int FAllocate(SafeFileHandle file, int mode, long offset, long length);
}
