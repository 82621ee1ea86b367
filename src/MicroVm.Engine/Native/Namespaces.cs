using System.Runtime.InteropServices;
using Microsoft.Win32.SafeHandles;

namespace MicroVm.Engine.Native;

/// <summary>Namespaces and mounts of the calling thread (unshare(2), mount(2)).</summary>
internal static unsafe partial class Namespaces
{
    /// <summary>CLONE_NEWNS: mounts.</summary>
    public const int Mount = 0x00020000;

    /// <summary>CLONE_NEWIPC: System V IPC and POSIX message queues.</summary>
    public const int Ipc = 0x08000000;

    /// <summary>CLONE_NEWNET: network devices, addresses, routes.</summary>
    public const int Network = 0x40000000;

    private const int EmptyPath = 0x1000;
    private const uint InodeNumber = 0x100;

    private const ulong NoSuid = 0x2;
    private const ulong NoDev = 0x4;
    private const ulong Recursive = 0x4000;
    private const ulong Slave = 0x80000;

    /// <summary>Gives the calling thread namespaces of its own.</summary>
    /// <param name="kinds">An or of <see cref="Mount"/>, <see cref="Ipc"/>, <see cref="Network"/>.</param>
    public static void Unshare(int kinds)
    {
        if (UnshareNative(kinds) != 0)
        {
            throw LinuxException.Last("unshare");
        }
    }

    /// <summary>Opens the network namespace of the calling thread; <c>/proc/self</c> would give that of the main thread.</summary>
    public static SafeFileHandle OpenNetwork() => File.OpenHandle("/proc/thread-self/ns/net");

    /// <summary>What tells a namespace from all others there are now: the inode number of its file (namespaces(7)).</summary>
    /// <exception cref="LinuxException">It cannot be looked at.</exception>
    public static ulong IdentityOf(SafeHandle file)
    {
        Status status = default;
        return Statx(file, "", EmptyPath, InodeNumber, &status) == 0 ? status.Inode : throw LinuxException.Last("statx (namespace)");
    }

    /// <summary>Moves the calling thread into a namespace (setns(2)). What the runtime starts from there stays there: system calls only.</summary>
    /// <param name="file">A namespace's file, such as <c>/proc/PID/ns/net</c>.</param>
    /// <param name="kind">What it must be, such as <see cref="Network"/>.</param>
    public static void Enter(SafeHandle file, int kind)
    {
        if (SetNamespace(file, kind) != 0)
        {
            throw LinuxException.Last("setns");
        }
    }

    /// <summary>
    /// Keeps mounts of this namespace from reaching the others. Theirs still reach it, unmounts above all: a disk that the host lets go of must not stay
    /// busy here.
    /// </summary>
    public static void KeepMountsFromOthers()
    {
        if (MountNative("none", "/", null, Recursive | Slave, null) != 0)
        {
            throw LinuxException.Last("mount (slave)", "/");
        }
    }

    /// <summary>Mounts an empty tmpfs without devices or set-id programs.</summary>
    /// <param name="target">An existing directory.</param>
    /// <param name="options">Options of tmpfs(5), such as "size=64m,mode=1777".</param>
    public static void MountTmpfs(string target, string options)
    {
        if (MountNative("tmpfs", target, "tmpfs", NoSuid | NoDev, options) != 0)
        {
            throw LinuxException.Last("mount tmpfs on", target);
        }
    }

    [LibraryImport("libc", EntryPoint = "statx", SetLastError = true, StringMarshalling = StringMarshalling.Utf8)]
    private static partial int Statx(SafeHandle directory, string path, int flags, uint mask, Status* status);

    [LibraryImport("libc", EntryPoint = "unshare", SetLastError = true)]
    private static partial int UnshareNative(int flags);

    [LibraryImport("libc", EntryPoint = "setns", SetLastError = true)]
    private static partial int SetNamespace(SafeHandle file, int kind);

    [LibraryImport("libc", EntryPoint = "mount", SetLastError = true, StringMarshalling = StringMarshalling.Utf8)]
    private static partial int MountNative(string source, string target, string? type, ulong flags, string? data);

    /// <summary>The field of struct statx that is needed.</summary>
    [StructLayout(LayoutKind.Explicit, Size = 256)]
    private struct Status
    {
        [FieldOffset(32)]
        public ulong Inode;
    }
}
