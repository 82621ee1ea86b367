using System.Runtime.InteropServices;

namespace MicroVm.Engine.Native;

/// <summary>Removes files so that it is known who did (unlink(2)).</summary>
internal static partial class FileRemoval
{
    /// <summary>Removes a file.</summary>
    /// <returns>True for one of all who try, whatever their processes; false when there is none of that name.</returns>
    /// <exception cref="LinuxException">It cannot be removed.</exception>
    public static bool TryRemove(string path) =>
        Unlink(path) == 0 || (Marshal.GetLastPInvokeError() is Errno.NoSuchFile or Errno.NotADirectory ? false : throw LinuxException.Last("unlink", path));

    [LibraryImport("libc", EntryPoint = "unlink", SetLastError = true, StringMarshalling = StringMarshalling.Utf8)]
    private static partial int Unlink(string path);
}
