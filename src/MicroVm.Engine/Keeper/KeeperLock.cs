using Microsoft.Win32.SafeHandles;
using MicroVm.Engine.Native;
using MicroVm.Engine.State;

namespace MicroVm.Engine.Keeper;

/// <summary>
/// The right to be the keeper of a state directory: a lock that belongs to an open file. Who starts a keeper takes it and hands the file on, so there is never a
/// moment in which two could start, and the lock dies with the keeper.
/// </summary>
internal sealed class KeeperLock : IDisposable
{
    private const int LongestNote = 4096;

    private KeeperLock(SafeFileHandle file) => File = file;

    /// <summary>The open file, to be handed on.</summary>
    public SafeFileHandle File { get; }

    /// <summary>The lock's file.</summary>
    public static string PathIn(MicroVmPaths paths) => Path.Combine(paths.DataDirectory, "keeper.lock");

    /// <summary>Takes the lock; null when another has it.</summary>
    public static KeeperLock? TryAcquire(MicroVmPaths paths)
    {
        MachineStore.MakeDirectory(paths.DataDirectory);
        KeeperLock taken = new(Descriptors.OpenUnlocked(PathIn(paths)));
        if (taken.TryTake())
        {
            return taken;
        }

        taken.Dispose();
        return null;
    }

    /// <summary>The lock that was handed to this process as an open file.</summary>
    public static KeeperLock Inherited(int descriptor) => new(new SafeFileHandle(descriptor, ownsHandle: true));

    /// <summary>Whether there is a keeper, or one is starting, and what it says of itself; nothing is taken.</summary>
    public static (bool IsHeld, KeeperNote? Note) Look(MicroVmPaths paths)
    {
        using SafeFileHandle? file = Descriptors.TryOpenUnlocked(PathIn(paths));
        return file is null || !FileLock.IsHeldElsewhere(file) ? (false, null) : (true, ReadNote(file));
    }

    /// <summary>Takes it, again perhaps.</summary>
    /// <returns>False when another has it.</returns>
    public bool TryTake() => FileLock.TryLock(File);

    /// <summary>Lets others take it.</summary>
    public void Release() => FileLock.Unlock(File);

    /// <summary>Says who holds it.</summary>
    public void Note(KeeperNote note)
    {
        byte[] content = note.ToJson();
        RandomAccess.SetLength(File, content.Length);
        RandomAccess.Write(File, content, 0);
    }

    /// <summary>Closes the file; the lock stays with whoever it was handed to.</summary>
    public void Dispose() => File.Dispose();

    private static KeeperNote? ReadNote(SafeFileHandle file)
    {
        byte[] buffer = new byte[LongestNote];
        return KeeperNote.Parse(buffer.AsMemory(0, RandomAccess.Read(file, buffer, 0)));
    }
}
