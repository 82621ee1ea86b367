using System.Runtime.CompilerServices;
using System.Runtime.InteropServices;
using System.Text;
using Microsoft.Win32.SafeHandles;

namespace MicroVm.Engine.Native;

/// <summary>
/// Opens the TAP driver and devices of it (drivers/net/tun.c). An open file of the driver belongs for its life to the network namespace it was opened in; a
/// device can be taken with it from anywhere.
/// </summary>
internal static unsafe partial class TunFile
{
    /// <summary>IFF_MULTI_QUEUE: the device has several files, one for each queue.</summary>
    public const short MultiQueue = 0x0100;

    /// <summary>IFF_TUN_EXCL: make a device, and fail with EBUSY when there is one of that name.</summary>
    public const short Exclusive = unchecked((short)0x8000);

    /// <summary>The driver's file.</summary>
    public static string Path => "/dev/net/tun";

    private const int ReadWriteCloseOnExec = 0x2 | 0x80000;
    private const int ReadOnlyCloseOnExec = 0x80000;
    private const int NetlinkFamily = 16;
    private const int RawCloseOnExec = 3 | 0x80000;
    private const int NewNetwork = 0x40000000;
    private const nuint SetInterface = 0x400454CA;

    // IFF_TAP | IFF_NO_PI | IFF_VNET_HDR: frames, without struct tun_pi and with struct virtio_net_hdr.
    private const short TapFlags = 0x2 | 0x1000 | 0x4000;

    private static readonly string[] s_steps = ["setns", FreshNetwork.OpenDriver, "socket (netlink)"];

    /// <summary>Opens the driver in the calling thread's namespace.</summary>
    public static SafeFileHandle Open()
    {
        fixed (byte* path = "/dev/net/tun"u8)
        {
            int file = OpenNative(path, ReadWriteCloseOnExec, 0);
            return file >= 0 ? new SafeFileHandle(file, ownsHandle: true) : throw LinuxException.From(FreshNetwork.OpenDriver, Marshal.GetLastSystemError());
        }
    }

    /// <summary>Opens the driver, and a socket of rtnetlink(7), in another namespace. To be called on a thread that ends after it.</summary>
    /// <param name="networkNamespace">The namespace.</param>
    /// <exception cref="LinuxException">EINVAL: it is no network namespace. EPERM: CAP_SYS_ADMIN is missing, here or there.</exception>
    public static (SafeFileHandle Tun, NetlinkSocket Route) OpenIn(SafeFileHandle networkNamespace)
    {
        Request request = new() { Tun = -1, Socket = -1, Errno = ErrnoLocation() };
        bool added = false;
        try
        {
            networkNamespace.DangerousAddRef(ref added);
            request.Namespace = (int)networkNamespace.DangerousGetHandle();
            fixed (byte* tun = "/dev/net/tun"u8, home = "/proc/thread-self/ns/net"u8)
            {
                request.TunPath = tun;
                request.HomePath = home;
                Inside(&request);
            }
        }
        finally
        {
            if (added)
            {
                networkNamespace.DangerousRelease();
            }
        }

        SafeFileHandle file = new(request.Tun, ownsHandle: true);
        SafeFileHandle socket = new(request.Socket, ownsHandle: true);
        try
        {
            return request.Error == 0 ? (file, NetlinkSocket.Of(socket)) : throw LinuxException.From(s_steps[request.Step], request.Error);
        }
        catch
        {
            socket.Dispose();
            file.Dispose();
            throw;
        }
    }

    /// <summary>Takes the device of that name, or makes it where there is none: one that goes with the file.</summary>
    /// <param name="tun">The driver, open.</param>
    /// <param name="name">The name, at most 15 bytes.</param>
    /// <param name="flags">More flags: <see cref="MultiQueue"/>, <see cref="Exclusive"/>.</param>
    /// <exception cref="LinuxException">EBUSY: somebody has it. EPERM: the user may not. EINVAL: it is of another kind.</exception>
    public static void Take(SafeHandle tun, string name, short flags)
    {
        InterfaceRequest request = new() { Flags = (short)(TapFlags | flags) };
        Encoding.ASCII.GetBytes(name, new Span<byte>(request.Name, 15));
        if (Control(tun, SetInterface, &request) != 0)
        {
            throw LinuxException.Last("TUNSETIFF", name);
        }
    }

    // Compiled once, allocates nothing and calls nothing managed: a thread that the runtime started here would hold the namespace for ever.
    [MethodImpl(MethodImplOptions.AggressiveOptimization | MethodImplOptions.NoInlining)]
    private static void Inside(Request* request)
    {
        int home = OpenNative(request->HomePath, ReadOnlyCloseOnExec, 0);
        if (home < 0 || SetNamespace(request->Namespace, NewNetwork) != 0)
        {
            request->Error = *request->Errno;
        }
        else
        {
            if ((request->Tun = OpenNative(request->TunPath, ReadWriteCloseOnExec, 0)) < 0)
            {
                request->Step = 1;
            }
            else if ((request->Socket = Socket(NetlinkFamily, RawCloseOnExec, NetlinkSocket.Route)) < 0)
            {
                request->Step = 2;
            }

            request->Error = request->Step == 0 ? 0 : *request->Errno;
            // Should it fail: the thread ends anyway.
            _ = SetNamespace(home, NewNetwork);
        }

        if (home >= 0)
        {
            _ = Close(home);
        }
    }

    // No marshalling and no SetLastError: the generator makes these without code around them.
    [LibraryImport("libc", EntryPoint = "setns")]
    private static partial int SetNamespace(int file, int kind);

    [LibraryImport("libc", EntryPoint = "open")]
    private static partial int OpenNative(byte* path, int flags, uint mode);

    [LibraryImport("libc", EntryPoint = "socket")]
    private static partial int Socket(int family, int type, int protocol);

    [LibraryImport("libc", EntryPoint = "close")]
    private static partial int Close(int file);

    [LibraryImport("libc", EntryPoint = "__errno_location")]
    private static partial int* ErrnoLocation();

    [LibraryImport("libc", EntryPoint = "ioctl", SetLastError = true)]
    private static partial int Control(SafeHandle file, nuint request, InterfaceRequest* argument);

    /// <summary>struct ifreq.</summary>
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
        public byte* TunPath;
        public byte* HomePath;
        public int* Errno;
        public int Namespace;
        public int Tun;
        public int Socket;
        public int Step;
        public int Error;
    }
}
