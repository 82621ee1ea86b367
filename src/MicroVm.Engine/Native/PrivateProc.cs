using System.Runtime.InteropServices;
using Microsoft.Win32.SafeHandles;

namespace MicroVm.Engine.Native;

/// <summary>
/// A proc(5) of one's own, mounted nowhere (fsopen(2), Linux 5.2; separate from <c>/proc</c> since 5.8). In the one that all share, each network namespace whose settings
/// were looked at leaves a name "ipv6" in the cache, all in one chain: with 1,000 namespaces opening a setting takes 0.8 ms instead of 0.09.
/// </summary>
internal static partial class PrivateProc
{
    private const int OpenFileSystemCall = 430;
    private const int ConfigureCall = 431;
    private const int MountCall = 432;
    private const int OpenCloseOnExec = 1;
    private const int Create = 6;
    private const int MountCloseOnExec = 1;

    /// <summary>Opens the root of a new one, or gives null where the kernel or the rights do not allow it.</summary>
    public static SafeFileHandle? TryOpen()
    {
        using SafeFileHandle context = new((nint)OpenFileSystem(OpenFileSystemCall, "proc", OpenCloseOnExec), ownsHandle: true);
        if (context.IsInvalid || Call(ConfigureCall, context, Create, 0, 0, 0) != 0)
        {
            return null;
        }

        long mount = Call(MountCall, context, MountCloseOnExec, 0, 0, 0);
        return mount >= 0 ? new SafeFileHandle((nint)mount, ownsHandle: true) : null;
    }

    private static long Call(long number, SafeFileHandle file, nint b, nint c, nint d, nint e)
    {
        bool added = false;
        try
        {
            file.DangerousAddRef(ref added);
            return Syscall(number, file.DangerousGetHandle(), b, c, d, e);
        }
        finally
        {
            if (added)
            {
                file.DangerousRelease();
            }
        }
    }

    [LibraryImport("libc", EntryPoint = "syscall", SetLastError = true, StringMarshalling = StringMarshalling.Utf8)]
    private static partial long OpenFileSystem(long number, string name, nint flags);

    [LibraryImport("libc", EntryPoint = "syscall", SetLastError = true)]
    private static partial long Syscall(long number, nint a, nint b, nint c, nint d, nint e);
}
