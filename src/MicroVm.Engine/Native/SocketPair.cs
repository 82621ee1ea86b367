using System.Runtime.InteropServices;
using Microsoft.Win32.SafeHandles;

namespace MicroVm.Engine.Native;

/// <summary>Two sockets that are connected to each other (socketpair(2)), to hand to other programs.</summary>
internal static unsafe partial class SocketPair
{
    private const int UnixFamily = 1;
    private const int StreamCloseOnExec = 1 | 0x80000;

    /// <summary>Makes a pair of Unix stream sockets, closed on exec.</summary>
    public static (SafeFileHandle One, SafeFileHandle Other) Open()
    {
        int* pair = stackalloc int[2];
        return SocketPairNative(UnixFamily, StreamCloseOnExec, 0, pair) == 0
            ? (new SafeFileHandle(pair[0], ownsHandle: true), new SafeFileHandle(pair[1], ownsHandle: true))
            : throw LinuxException.Last("socketpair");
    }

    [LibraryImport("libc", EntryPoint = "socketpair", SetLastError = true)]
    private static partial int SocketPairNative(int family, int type, int protocol, int* pair);
}
