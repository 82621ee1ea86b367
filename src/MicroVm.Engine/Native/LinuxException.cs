using System.ComponentModel;
using System.Runtime.InteropServices;

namespace MicroVm.Engine.Native;

/// <summary>A system call that failed: which, on what, and why.</summary>
internal sealed class LinuxException : IOException
{
    private LinuxException(string call, int errno, string? subject, string? said = null)
        : base($"{call}{(subject is null ? "" : $" '{subject}'")}: {new Win32Exception(errno).Message} (errno {errno}){(said is null ? "" : $": {said.TrimEnd('.')}")}.")
    {
        Errno = errno;
        HResult = errno;
    }

    /// <summary>The error number, as in errno(3).</summary>
    public int Errno { get; }

    /// <summary>The failure of the call that was just made on this thread.</summary>
    public static LinuxException Last(string call, string? subject = null) => new(call, Marshal.GetLastPInvokeError(), subject);

    /// <summary>A failure whose error number the call returned.</summary>
    /// <param name="call">The call, or what it was for.</param>
    /// <param name="errno">The error number.</param>
    /// <param name="subject">What it was called on.</param>
    /// <param name="said">What the kernel said in words.</param>
    public static LinuxException From(string call, int errno, string? subject = null, string? said = null) => new(call, errno, subject, said);
}
