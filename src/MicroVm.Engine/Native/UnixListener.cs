using System.Runtime.InteropServices;
using System.Text;
using Microsoft.Win32.SafeHandles;

namespace MicroVm.Engine.Native;

/// <summary>
/// Listening sockets to hand to other programs (unix(7)). .NET's own would delete the socket's file when this process lets go of it.
/// </summary>
internal static unsafe partial class UnixListener
{
    /// <summary>The longest path a socket can have, in bytes: sun_path less its final zero.</summary>
    public const int LongestPathBytes = 107;

    private const int UnixFamily = 1;
    private const int StreamCloseOnExec = 1 | 0x80000;
    private const int Backlog = 16;

    /// <summary>Makes a stream socket at a path of at most <see cref="LongestPathBytes"/> bytes that only its owner may connect to.</summary>
    public static SafeFileHandle Open(string path)
    {
        SafeFileHandle socket = SocketNative(UnixFamily, StreamCloseOnExec, 0);
        try
        {
            byte* address = stackalloc byte[sizeof(ushort) + LongestPathBytes + 1];
            *(ushort*)address = UnixFamily;
            int length = Encoding.UTF8.GetBytes(path, new Span<byte>(address + sizeof(ushort), LongestPathBytes));
            address[sizeof(ushort) + length] = 0;
            if (socket.IsInvalid || Bind(socket, address, (uint)(sizeof(ushort) + length + 1)) != 0)
            {
                throw LinuxException.Last("bind", path);
            }

            File.SetUnixFileMode(path, UnixFileMode.UserRead | UnixFileMode.UserWrite);
            return Listen(socket, Backlog) == 0 ? socket : throw LinuxException.Last("listen", path);
        }
        catch
        {
            socket.Dispose();
            throw;
        }
    }

    [LibraryImport("libc", EntryPoint = "socket", SetLastError = true)]
    private static partial SafeFileHandle SocketNative(int family, int type, int protocol);

    [LibraryImport("libc", EntryPoint = "bind", SetLastError = true)]
    private static partial int Bind(SafeFileHandle socket, byte* address, uint length);

    [LibraryImport("libc", EntryPoint = "listen", SetLastError = true)]
    private static partial int Listen(SafeFileHandle socket, int backlog);
}
