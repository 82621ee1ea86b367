using Microsoft.Win32.SafeHandles;
using MicroVm.Engine.Native;
using MicroVm.Engine.State;

namespace MicroVm.Engine.Storage;

/// <summary>The right to change the store of images: one process, and one call in it, at a time. Dispose it to let the next one in.</summary>
internal sealed class ImageStoreLock : IDisposable
{
    private static readonly TimeSpan LongestPause = TimeSpan.FromMilliseconds(250);

    private readonly SafeFileHandle _file;

    private ImageStoreLock(SafeFileHandle file) => _file = file;

    /// <summary>Waits for the lock; <paramref name="waiting"/> is called once when another holds it.</summary>
    /// <exception cref="IOException">The lock file cannot be made.</exception>
    /// <exception cref="OperationCanceledException">The wait was cancelled.</exception>
    public static async Task<ImageStoreLock> AcquireAsync(string imagesDirectory, Action waiting, CancellationToken cancellationToken)
    {
        MachineStore.MakeLastingDirectory(imagesDirectory);
        SafeFileHandle file = Descriptors.OpenUnlocked(Path.Combine(imagesDirectory, ".lock"));
        try
        {
            // A blocking wait for a lock cannot be cancelled, so this asks again at growing intervals.
            TimeSpan pause = TimeSpan.FromMilliseconds(5);
            for (bool first = true; !FileLock.TryLock(file); first = false)
            {
                if (first)
                {
                    waiting();
                }

                await Task.Delay(pause, cancellationToken);
                pause = Pauses.After(pause, LongestPause);
            }

            return new ImageStoreLock(file);
        }
        catch
        {
            file.Dispose();
            throw;
        }
    }

    /// <summary>Whether somebody is changing the images.</summary>
    public static bool IsHeld(string imagesDirectory)
    {
        using SafeFileHandle? file = Descriptors.TryOpenUnlocked(Path.Combine(imagesDirectory, ".lock"));
        return file is not null && FileLock.IsHeldElsewhere(file);
    }

    /// <summary>Takes the lock if nobody holds it.</summary>
    public static ImageStoreLock? TryAcquire(string imagesDirectory)
    {
        SafeFileHandle file = Descriptors.OpenUnlocked(Path.Combine(imagesDirectory, ".lock"));
        if (FileLock.TryLock(file))
        {
            return new ImageStoreLock(file);
        }

        file.Dispose();
        return null;
    }

    /// <inheritdoc/>
    public void Dispose()
    {
        if (!_file.IsClosed)
        {
            FileLock.Unlock(_file);
            _file.Dispose();
        }
    }
}
