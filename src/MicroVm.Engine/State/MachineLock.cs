using System.Text;
using Microsoft.Win32.SafeHandles;
using MicroVm.Engine.Errors;
using MicroVm.Engine.Native;

namespace MicroVm.Engine.State;

/// <summary>The right to change a VM, held by one operation of one process at a time; it dies with its holder.</summary>
internal sealed class MachineLock : IDisposable
{
    /// <summary>The lock's file in a VM's directory.</summary>
    public const string FileName = "lock";

    private readonly SafeFileHandle _file;

    private MachineLock(SafeFileHandle file) => _file = file;

    /// <summary>Takes the lock of a VM whose directory exists.</summary>
    /// <param name="directory">The VM's directory.</param>
    /// <param name="name">The VM's name, for the error.</param>
    /// <param name="operation">What the holder is doing, for the error that others get.</param>
    /// <exception cref="MicroVmException"><see cref="ErrorIds.MicroVmBusy"/>, naming the holder.</exception>
    public static MachineLock Acquire(string directory, string name, string operation)
    {
        SafeFileHandle file = Descriptors.OpenUnlocked(Path.Combine(directory, FileName));
        try
        {
            if (FileLock.TryLock(file))
            {
                NoteOwner(file, operation);
                return new MachineLock(file);
            }

            Span<byte> buffer = stackalloc byte[256];
            string holder = Encoding.UTF8.GetString(buffer[..RandomAccess.Read(file, buffer, 0)]);
            throw new MicroVmException(ErrorIds.MicroVmBusy, ErrorKind.Busy, $"VM '{name}' is in use by {holder}.")
            {
                Target = name,
                RecommendedAction = "Try again when that operation has ended.",
            };
        }
        catch
        {
            file.Dispose();
            throw;
        }
    }

    /// <summary>Whether an operation is at work on the VM.</summary>
    public static bool IsHeld(string directory)
    {
        // The VM may be removed at any time.
        using SafeFileHandle? file = Descriptors.TryOpenUnlocked(Path.Combine(directory, FileName));
        return file is not null && FileLock.IsHeldElsewhere(file);
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

    // A courtesy to others: a full disk must not keep anybody from removing a VM.
    private static void NoteOwner(SafeFileHandle file, string operation)
    {
        byte[] owner = Encoding.UTF8.GetBytes($"process {Environment.ProcessId} ({operation})");
        try
        {
            RandomAccess.SetLength(file, owner.Length);
            RandomAccess.Write(file, owner, 0);
        }
        catch (IOException)
        {
        }
    }
}
