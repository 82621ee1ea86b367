using Microsoft.Win32.SafeHandles;
using MicroVm.Engine.Native;

namespace MicroVm.Engine.State;

/// <summary>Locks a directory for what takes a moment: whoever comes second waits.</summary>
internal static class DirectoryLock
{
    /// <summary>Takes the lock; closing the file gives it back.</summary>
    /// <param name="directory">An existing directory.</param>
    public static SafeFileHandle Take(string directory)
    {
        SafeFileHandle file = Descriptors.OpenUnlocked(Path.Combine(directory, ".lock"));
        try
        {
            FileLock.Lock(file);
            return file;
        }
        catch
        {
            file.Dispose();
            throw;
        }
    }
}
