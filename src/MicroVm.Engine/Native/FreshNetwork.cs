using System.Runtime.CompilerServices;
using System.Runtime.InteropServices;
using System.Text;
using Microsoft.Win32.SafeHandles;

namespace MicroVm.Engine.Native;

/// <summary>
/// Makes a network namespace with a TAP in it, and comes back. The open TAP holds the namespace (drivers/net/tun.c: its socket belongs to it), and nothing
/// else does: when the last copy of the descriptor is closed, the kernel removes the namespace and what is in it.
/// </summary>
/// <remarks>
/// A thread that the runtime starts while its creator is inside stays inside and holds the namespace. The runtime starts threads for its compiler (when a method
/// has been called 30 times) and for its garbage collector, so the part inside is one method that is compiled once, allocates nothing and calls nothing managed.
/// </remarks>
internal static unsafe partial class FreshNetwork
{
    private const int NewNetwork = 0x40000000;
    private const int CurrentDirectory = -100;
    private const int ReadWriteCloseOnExec = 0x2 | 0x80000;
    private const int ReadOnlyCloseOnExec = 0x80000;
    private const int WriteOnlyCloseOnExec = 0x1 | 0x80000;
    private const int NetlinkFamily = 16;
    private const int RawCloseOnExec = 3 | 0x80000;
    private const nuint SetInterface = 0x400454CA;
    private const nuint SetPersistent = 0x400454CB;
    private const nuint SetInterfaceIndex = 0x400454DA;

    // IFF_TAP | IFF_NO_PI | IFF_VNET_HDR: frames, without struct tun_pi and with struct virtio_net_hdr.
    private const short TapFlags = 0x2 | 0x1000 | 0x4000;

    private static readonly string[] s_steps =
    [
        "unshare (network namespace)", "open /proc/thread-self/ns/net", "socket (netlink)", "open /dev/net/tun", "TUNSETIFINDEX", "TUNSETIFF", "TUNSETPERSIST",
        "open sys/net/ipv6/conf/all/forwarding", "write sys/net/ipv6/conf/all/forwarding",
    ];

    /// <summary>What the message of a failure begins with that concerns the device of the TAP driver, which not every host has.</summary>
    public static string OpenDriver => s_steps[3];

    /// <summary>Makes the namespace and the TAP.</summary>
    /// <param name="home">The network namespace of the calling thread, to come back to.</param>
    /// <param name="name">The TAP's name, at most 15 bytes.</param>
    /// <param name="index">The TAP's interface index.</param>
    /// <param name="proc">Root of the proc(5) to use; null for <c>/proc</c>.</param>
    /// <param name="forwardIPv6">Whether devices made in the namespace hand on IPv6; for IPv4 netlink can tell each.</param>
    /// <param name="lost">Whether the calling thread could not come back: it must be ended.</param>
    /// <exception cref="LinuxException">A step failed; nothing is left.</exception>
    public static (SafeFileHandle Tap, SafeFileHandle Namespace, NetlinkSocket Route) Make(
        SafeFileHandle home, SafeFileHandle? proc, string name, int index, bool forwardIPv6, out bool lost)
    {
        Request request = new() { Index = index, ForwardIPv6 = forwardIPv6, Namespace = -1, Socket = -1, Tap = -1, Errno = ErrnoLocation() };
        request.Interface.Flags = TapFlags;
        Encoding.UTF8.GetBytes(name, new Span<byte>(request.Interface.Name, 15));
        bool added = false;
        bool procAdded = false;
        try
        {
            home.DangerousAddRef(ref added);
            proc?.DangerousAddRef(ref procAdded);
            request.Proc = (int)(proc?.DangerousGetHandle() ?? CurrentDirectory);
            request.Home = (int)home.DangerousGetHandle();
            fixed (byte* ns = "/proc/thread-self/ns/net"u8, tun = "/dev/net/tun"u8, forwarding = "/proc/sys/net/ipv6/conf/all/forwarding"u8)
            {
                request.NamespacePath = ns;
                request.TunPath = tun;
                // Without its first six bytes it is relative to a proc(5).
                request.ForwardingPath = proc is null ? forwarding : forwarding + 6;
                Inside(&request);
            }
        }
        finally
        {
            if (procAdded)
            {
                proc!.DangerousRelease();
            }

            if (added)
            {
                home.DangerousRelease();
            }
        }

        lost = request.Lost;
        SafeFileHandle tap = new(request.Tap, ownsHandle: true);
        SafeFileHandle made = new(request.Namespace, ownsHandle: true);
        SafeFileHandle socket = new(request.Socket, ownsHandle: true);
        try
        {
            return request.Error != 0 ? throw LinuxException.From(s_steps[request.Step], request.Error)
                : lost ? throw LinuxException.From("setns", request.LostError)
                : (tap, made, NetlinkSocket.Of(socket));
        }
        catch
        {
            socket.Dispose();
            made.Dispose();
            tap.Dispose();
            throw;
        }
    }

    [MethodImpl(MethodImplOptions.AggressiveOptimization | MethodImplOptions.NoInlining)]
    private static void Inside(Request* request)
    {
        if (Unshare(NewNetwork) != 0)
        {
            request->Error = *request->Errno;
            return;
        }

        byte one = (byte)'1';
        int forwarding = -1;
        if ((request->Namespace = Open(CurrentDirectory, request->NamespacePath, ReadOnlyCloseOnExec, 0)) < 0)
        {
            request->Step = 1;
        }
        else if ((request->Socket = Socket(NetlinkFamily, RawCloseOnExec, NetlinkSocket.Route)) < 0)
        {
            request->Step = 2;
        }
        else if (request->ForwardIPv6 && (forwarding = Open(request->Proc, request->ForwardingPath, WriteOnlyCloseOnExec, 0)) < 0)
        {
            request->Step = 7;
        }
        else if (request->ForwardIPv6 && Write(forwarding, &one, 1) != 1)
        {
            request->Step = 8;
        }
        else if ((request->Tap = Open(CurrentDirectory, request->TunPath, ReadWriteCloseOnExec, 0)) < 0)
        {
            request->Step = 3;
        }
        else if (Control(request->Tap, SetInterfaceIndex, &request->Index) != 0)
        {
            request->Step = 4;
        }
        else if (Control(request->Tap, SetInterface, &request->Interface) != 0)
        {
            request->Step = 5;
        }
        else if (Control(request->Tap, SetPersistent, (void*)1) != 0)
        {
            request->Step = 6;
        }

        request->Error = request->Step == 0 ? 0 : *request->Errno;
        if (forwarding >= 0)
        {
            _ = Close(forwarding);
        }

        if (SetNamespace(request->Home, NewNetwork) != 0)
        {
            request->Lost = true;
            request->LostError = *request->Errno;
        }
    }

    // No marshalling and no SetLastError: the generator makes these without code around them. The runtime keeps errno as the call left it.
    [LibraryImport("libc", EntryPoint = "unshare")]
    private static partial int Unshare(int flags);

    [LibraryImport("libc", EntryPoint = "setns")]
    private static partial int SetNamespace(int file, int kind);

    [LibraryImport("libc", EntryPoint = "openat")]
    private static partial int Open(int directory, byte* path, int flags, uint mode);

    [LibraryImport("libc", EntryPoint = "socket")]
    private static partial int Socket(int family, int type, int protocol);

    [LibraryImport("libc", EntryPoint = "ioctl")]
    private static partial int Control(int file, nuint request, void* argument);

    [LibraryImport("libc", EntryPoint = "write")]
    private static partial nint Write(int file, byte* data, nuint length);

    [LibraryImport("libc", EntryPoint = "close")]
    private static partial int Close(int file);

    [LibraryImport("libc", EntryPoint = "__errno_location")]
    private static partial int* ErrnoLocation();

    /// <summary>The fields of struct ifreq that are needed.</summary>
    [StructLayout(LayoutKind.Explicit, Size = 40)]
    private struct InterfaceRequest
    {
        [FieldOffset(0)]
        public fixed byte Name[16];

        [FieldOffset(16)]
        public short Flags;
    }

    private struct Request
    {
        public InterfaceRequest Interface;
        public int Home;
        public int Proc;
        public int Index;
        public bool ForwardIPv6;
        public byte* NamespacePath;
        public byte* TunPath;
        public byte* ForwardingPath;
        public int* Errno;

        public int Namespace;
        public int Socket;
        public int Tap;
        public int Step;
        public int Error;
        public int LostError;
        public bool Lost;
    }
}
