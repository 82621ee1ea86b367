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

    /// <summary>The operation of a keeper, which nobody asked for and everybody may wait for.</summary>
    public const string KeeperOperation = "the keeper";

    // It writes a record and deletes a run directory. It tells nobody when it is done.
    private static readonly TimeSpan s_keeperLimit = TimeSpan.FromSeconds(5);
    private static readonly TimeSpan s_shortestPause = TimeSpan.FromMilliseconds(1);
    private static readonly TimeSpan s_longestPause = TimeSpan.FromMilliseconds(50);

    private readonly SafeFileHandle _file;

    private MachineLock(SafeFileHandle file) => _file = file;

    /// <summary>Takes the lock of a VM whose directory exists.</summary>
    /// <param name="directory">The VM's directory.</param>
    /// <param name="name">The VM's name, for the error.</param>
    /// <param name="operation">What the holder is doing, for the error that others get.</param>
    /// <exception cref="MicroVmException"><see cref="ErrorIds.MicroVmBusy"/>, naming the holder.</exception>
    public static MachineLock Acquire(string directory, string name, string operation) =>
        TryAcquire(directory, operation, out string holder) ?? throw Busy(name, holder);

    /// <summary>As <see cref="Acquire"/>, but waits while it is a keeper that puts the VM right: no operation of a user's fails of that.</summary>
    public static async Task<MachineLock> AcquireAsync(string directory, string name, string operation)
    {
        long deadline = Environment.TickCount64 + (long)s_keeperLimit.TotalMilliseconds;
        for (TimeSpan pause = s_shortestPause; ; pause = Pauses.After(pause, s_longestPause))
        {
            if (TryAcquire(directory, operation, out string holder) is { } held)
            {
                return held;
            }

            if (!holder.EndsWith($"({KeeperOperation})", StringComparison.Ordinal) || Environment.TickCount64 > deadline)
            {
                throw Busy(name, holder);
            }

            await Task.Delay(pause);
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

    private static MachineLock? TryAcquire(string directory, string operation, out string holder)
    {
        SafeFileHandle file = Descriptors.OpenUnlocked(Path.Combine(directory, FileName));
        try
        {
            if (FileLock.TryLock(file))
            {
                NoteOwner(file, operation);
                holder = "";
                return new MachineLock(file);
            }

            Span<byte> buffer = stackalloc byte[256];
            holder = Encoding.UTF8.GetString(buffer[..RandomAccess.Read(file, buffer, 0)]);
        }
        catch
        {
            file.Dispose();
            throw;
        }

        file.Dispose();
        return null;
    }

    private static MicroVmException Busy(string name, string holder) =>
        new(ErrorIds.MicroVmBusy, ErrorKind.Busy, $"VM '{name}' is in use by {holder}.")
        {
            Target = name,
            RecommendedAction = "Try again when that operation has ended.",
        };

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
