using System.Runtime.InteropServices;
using System.Text;
using Microsoft.Win32.SafeHandles;

namespace MicroVm.Engine.Native;

/// <summary>
/// Takes what a program writes to its standard output or error, up to a limit: a file in memory that cannot grow (memfd_create(2), F_SEAL_GROW in fcntl(2)). A
/// pipe would block the program when nobody reads it any more, and a plain file would grow as long as the program lives.
/// </summary>
internal sealed partial class BoundedOutput : IDisposable
{
    private const uint CloseOnExecAllowSealing = 1 | 2;
    private const int AddSeals = 1033;
    private const int SealGrow = 4;

    private readonly int _bytes;

    /// <summary>Makes an empty one.</summary>
    /// <param name="name">What /proc/PID/fd shows after "/memfd:".</param>
    /// <param name="bytes">The limit; what is written beyond is lost.</param>
    public BoundedOutput(string name, int bytes)
    {
        _bytes = bytes;
        Handle = MemfdCreate(name, CloseOnExecAllowSealing);
        if (Handle.IsInvalid)
        {
            throw LinuxException.Last("memfd_create");
        }

        RandomAccess.SetLength(Handle, bytes);
        if (Fcntl(Handle, AddSeals, SealGrow) != 0)
        {
            LinuxException failure = LinuxException.Last("fcntl (F_ADD_SEALS)");
            Handle.Dispose();
            throw failure;
        }
    }

    /// <summary>The file to give to the program.</summary>
    public SafeFileHandle Handle { get; }

    /// <summary>What was written so far.</summary>
    public string Read()
    {
        byte[] bytes = new byte[_bytes];
        int length = RandomAccess.Read(Handle, bytes, 0);
        return Encoding.UTF8.GetString(bytes.AsSpan(0, length).TrimEnd((byte)0));
    }

    /// <inheritdoc/>
    public void Dispose() => Handle.Dispose();

    [LibraryImport("libc", EntryPoint = "memfd_create", SetLastError = true, StringMarshalling = StringMarshalling.Utf8)]
    private static partial SafeFileHandle MemfdCreate(string name, uint flags);

    [LibraryImport("libc", EntryPoint = "fcntl", SetLastError = true)]
    private static partial int Fcntl(SafeHandle file, int command, int argument);
}
