using System.Runtime.InteropServices;

namespace MicroVm.Engine.Native;

/// <summary>Namespaces and mounts of the calling thread (unshare(2), mount(2)).</summary>
internal static partial class Namespaces
{
    /// <summary>CLONE_NEWNS: mounts.</summary>
    public const int Mount = 0x00020000;

    /// <summary>CLONE_NEWIPC: System V IPC and POSIX message queues.</summary>
    public const int Ipc = 0x08000000;

    /// <summary>CLONE_NEWNET: network devices, addresses, routes.</summary>
    public const int Network = 0x40000000;

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

    [LibraryImport("libc", EntryPoint = "unshare", SetLastError = true)]
    private static partial int UnshareNative(int flags);

    [LibraryImport("libc", EntryPoint = "mount", SetLastError = true, StringMarshalling = StringMarshalling.Utf8)]
    private static partial int MountNative(string source, string target, string? type, ulong flags, string? data);
}
