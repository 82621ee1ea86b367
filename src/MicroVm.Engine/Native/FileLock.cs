using System.Runtime.InteropServices;
using Microsoft.Win32.SafeHandles;

namespace MicroVm.Engine.Native;

/// <summary>
/// Exclusive locks that belong to an open file and so die with their holder, between processes and within one ("open file description locks",
/// fcntl(2)). Unlike flock(2) they can be looked at without being taken, and they do not mix with the flock that .NET takes on each file it opens.
/// </summary>
internal static partial class FileLock
{
    private const int GetLock = 36;
    private const int SetLock = 37;
    private const int SetLockWait = 38;
    private const short WriteLock = 1;
    private const short Unlocked = 2;

    /// <summary>Takes the lock if nobody holds it. The file must be open for writing; closing it gives the lock back.</summary>
    /// <returns>False when another open file holds it.</returns>
    public static bool TryLock(SafeFileHandle file)
    {
        LockRange range = new() { Type = WriteLock };
        if (Fcntl(file, SetLock, ref range) == 0)
        {
            return true;
        }

        return Marshal.GetLastPInvokeError() is Errno.TryAgain or Errno.PermissionDenied ? false : throw LinuxException.Last("fcntl (F_OFD_SETLK)");
    }

    /// <summary>Takes the lock, waiting for whoever holds it; blocks the calling thread. As <see cref="TryLock"/> otherwise.</summary>
    public static void Lock(SafeFileHandle file)
    {
        LockRange range = new() { Type = WriteLock };
        while (Fcntl(file, SetLockWait, ref range) != 0)
        {
            if (Marshal.GetLastPInvokeError() != Errno.Interrupted)
            {
                throw LinuxException.Last("fcntl (F_OFD_SETLKW)");
            }
        }
    }

    /// <summary>
    /// Gives the lock back at once. Closing the file does so too, but only when no child that is just being started has a copy of it.
    /// </summary>
    public static void Unlock(SafeFileHandle file)
    {
        LockRange range = new() { Type = Unlocked };
        if (Fcntl(file, SetLock, ref range) != 0)
        {
            throw LinuxException.Last("fcntl (F_OFD_SETLK)");
        }
    }

    /// <summary>Whether another open file holds the lock.</summary>
    public static bool IsHeldElsewhere(SafeFileHandle file)
    {
        LockRange range = new() { Type = WriteLock };
        return Fcntl(file, GetLock, ref range) == 0 ? range.Type != Unlocked : throw LinuxException.Last("fcntl (F_OFD_GETLK)");
    }

    [LibraryImport("libc", EntryPoint = "fcntl", SetLastError = true)]
    private static partial int Fcntl(SafeFileHandle file, int command, ref LockRange range);

    /// <summary>struct flock of 64-bit Linux; from byte 0 with length 0 is the whole file.</summary>
    [StructLayout(LayoutKind.Sequential)]
    private struct LockRange
    {
        public short Type;
        public short Whence;
        public long Start;
        public long Length;
        public int ProcessId;
    }
}
