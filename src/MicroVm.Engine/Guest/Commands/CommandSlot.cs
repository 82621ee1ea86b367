using System.Globalization;
using Microsoft.Win32.SafeHandles;
using MicroVm.Engine.Errors;
using MicroVm.Engine.Native;

namespace MicroVm.Engine.Guest.Commands;

/// <summary>
/// The files in a guest that hold a command's output while it runs. They are used again by the next command, so that none has to be removed; which are in use,
/// a lock on the host tells. One whose holder was killed is never used again: its command may still write.
/// </summary>
internal sealed class CommandSlot : IDisposable
{
    /// <summary>Where the files are: memory, and gone with the guest.</summary>
    public const string GuestDirectory = "/run/microvm-commands";

    private const int Most = 1024;

    private readonly SafeFileHandle _lock;

    private CommandSlot(SafeFileHandle file, string prefix)
    {
        _lock = file;
        Prefix = prefix;
    }

    /// <summary>What the paths of the files begin with.</summary>
    public string Prefix { get; }

    /// <summary>Takes the first slot that is free.</summary>
    /// <param name="runDirectory">The run directory of the VM. Its name is in the files' names: a command that goes on in a clone has others.</param>
    /// <exception cref="MicroVmException"><see cref="ErrorIds.MicroVmBusy"/>.</exception>
    public static CommandSlot Take(string runDirectory)
    {
        string run = Path.GetFileName(runDirectory);
        for (int number = 0; number < Most; number++)
        {
            string name = number.ToString(CultureInfo.InvariantCulture);
            SafeFileHandle file = Descriptors.OpenUnlocked(Path.Combine(runDirectory, $"command-{name}.lock"));
            if (FileLock.TryLock(file))
            {
                if (RandomAccess.GetLength(file) == 0)
                {
                    RandomAccess.SetLength(file, 1);
                    return new CommandSlot(file, $"{GuestDirectory}/{run}-{name}");
                }

                FileLock.Unlock(file);
            }

            file.Dispose();
        }

        throw new MicroVmException(ErrorIds.MicroVmBusy, ErrorKind.Busy, $"{Most} commands run in the VM, or were left running by shells that died.")
        {
            RecommendedAction = "Wait until some have ended, or restart the VM.",
        };
    }

    /// <summary>Says that nobody writes to the files any more.</summary>
    public void Release() => RandomAccess.SetLength(_lock, 0);

    /// <inheritdoc/>
    public void Dispose()
    {
        FileLock.Unlock(_lock);
        _lock.Dispose();
    }
}
