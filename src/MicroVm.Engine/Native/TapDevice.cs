using System.Runtime.InteropServices;
using System.Text;
using Microsoft.Win32.SafeHandles;

namespace MicroVm.Engine.Native;

/// <summary>An open TAP: which device it is, and where (drivers/net/tun.c).</summary>
internal static unsafe partial class TapDevice
{
    private const nuint GetInterface = 0x800454D2;
    private const nuint GetNamespace = 0x894C;
    private const int NameBytes = 16;

    // struct ifreq.
    private const int RequestBytes = 40;

    /// <summary>The device's name in its own namespace; null when the file is no TAP, or has no device.</summary>
    public static string? NameOf(SafeHandle tap)
    {
        byte* request = stackalloc byte[RequestBytes];
        return Control(tap, GetInterface, request) == 0 ? Encoding.UTF8.GetString(new ReadOnlySpan<byte>(request, NameBytes).TrimEnd((byte)0)) : null;
    }

    /// <summary>Opens the network namespace the TAP was opened in, which is where its device is. Needs CAP_NET_ADMIN there.</summary>
    public static SafeFileHandle OpenNamespace(SafeHandle tap) => TryOpenNamespace(tap) ?? throw LinuxException.Last("SIOCGSKNS");

    /// <summary>As <see cref="OpenNamespace"/>; null when the file is neither a TAP nor a socket, or it is not allowed.</summary>
    public static SafeFileHandle? TryOpenNamespace(SafeHandle tap)
    {
        int file = Control(tap, GetNamespace, null);
        return file >= 0 ? new SafeFileHandle(file, ownsHandle: true) : null;
    }

    [LibraryImport("libc", EntryPoint = "ioctl", SetLastError = true)]
    private static partial int Control(SafeHandle file, nuint request, void* argument);
}
