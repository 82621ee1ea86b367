using System.ComponentModel;
using System.Runtime.InteropServices;

namespace MicroVm.Engine.Native;

/// <summary>A system call that failed: which, on what, and why.</summary>
internal sealed class LinuxException : IOException
{
    private LinuxException(string call, int errno, string? subject)
        : base($"{call}{(subject is null ? "" : $" '{subject}'")}: {new Win32Exception(errno).Message} (errno {errno}).")
    {
        Errno = errno;
        HResult = errno;
    }

    /// <summary>The error number, as in errno(3).</summary>
    public int Errno { get; }

    /// <summary>The failure of the call that was just made on this thread.</summary>
    public static LinuxException Last(string call, string? subject = null) => new(call, Marshal.GetLastPInvokeError(), subject);

    /// <summary>A failure whose error number the call returned.</summary>
    public static LinuxException From(string call, int errno, string? subject = null) => new(call, errno, subject);
}
