using MicroVm.Engine.Snapshots;
using MicroVm.Engine.State;

namespace MicroVm.Engine.Machines;

/// <summary>
/// A point of a VM that copies are made from: files that nobody else sees, and that are gone with this object. Copies that run keep what they need of them.
/// </summary>
public sealed class MachineFork : IDisposable
{
    private readonly string _directory;
    private int _isGone;

    internal MachineFork(EngineContext context, MachineRecord origin, string directory, SnapshotManifest? manifest)
    {
        Context = context;
        Origin = origin;
        _directory = directory;
        Manifest = manifest;
    }

    /// <summary>The engine.</summary>
    internal EngineContext Context { get; }

    /// <summary>The VM as it was.</summary>
    internal MachineRecord Origin { get; }

    /// <summary>The memory and devices that were captured; null when the VM had none, because it was stopped.</summary>
    internal SnapshotManifest? Manifest { get; }

    /// <summary>Where the files are.</summary>
    /// <exception cref="ObjectDisposedException">They are gone.</exception>
    internal string Directory
    {
        get
        {
            ObjectDisposedException.ThrowIf(_isGone != 0, this);
            return _directory;
        }
    }

    /// <summary>Removes the files. What cannot be removed now is removed when snapshots are next saved or removed after this process has ended.</summary>
    public void Dispose()
    {
        if (Interlocked.Exchange(ref _isGone, 1) == 0)
        {
            try
            {
                System.IO.Directory.Delete(_directory, recursive: true);
            }
            catch (Exception exception) when (exception is IOException or UnauthorizedAccessException)
            {
                // Its name says whose it was: SnapshotStore sweeps it.
            }
        }
    }
}
