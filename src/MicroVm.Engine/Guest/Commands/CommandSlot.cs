using System.Globalization;
using Microsoft.Win32.SafeHandles;
using MicroVm.Engine.Errors;
using MicroVm.Engine.Native;

namespace MicroVm.Engine.Guest.Commands;

/// <summary>
/// Names for the files in a guest that hold a command's output. Each command has its own, for one before it may have left a process that still writes; but they
/// are numbered within slots, of which there are as many as commands at a time, so that a later command can remove those of earlier ones without knowing them.
/// Which slots are in use, locks on the host tell.
/// </summary>
internal sealed class CommandSlot : IDisposable
{
    /// <summary>Where the files are found: a link in memory, which is gone with each boot, to <see cref="DiskDirectory"/> where that can be.</summary>
    public const string GuestDirectory = "/run/microvm-commands";

    /// <summary>Where they are: on a disk, for a command may write faster than it is read, and a guest's memory is soon full.</summary>
    public const string DiskDirectory = "/var/lib/microvm-commands";

    /// <summary>Makes the directory, in the guest's shell; what was there before this boot goes.</summary>
    public const string MakeDirectory =
        $"[ -d {GuestDirectory} ]||{{ rm -rf {DiskDirectory};mkdir -p {DiskDirectory}&&ln -s {DiskDirectory} {GuestDirectory};}} 2>/dev/null||mkdir -p {GuestDirectory}";

    private const int Most = 1024;

    // To remove files takes a guest under emulation 3 ms.
    private const int CommandsBetweenSweeps = 16;

    private readonly SafeFileHandle _lock;

    private CommandSlot(SafeFileHandle file, string prefix, int command)
    {
        _lock = file;
        Prefix = string.Create(CultureInfo.InvariantCulture, $"{prefix}{command}");
        Sweep = command % CommandsBetweenSweeps == 0 ? prefix + "*" : null;
    }

    /// <summary>What the paths of the command's files begin with; a dot follows.</summary>
    public string Prefix { get; }

    /// <summary>The files to remove before, as a pattern; null mostly.</summary>
    public string? Sweep { get; }

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
                return new CommandSlot(file, $"{GuestDirectory}/{run}-{name}-", Count(file));
            }

            file.Dispose();
        }

        throw new MicroVmException(ErrorIds.MicroVmBusy, ErrorKind.Busy, $"{Most} commands run in the VM already.")
        {
            RecommendedAction = "Wait until some have ended.",
        };
    }

    /// <inheritdoc/>
    public void Dispose()
    {
        FileLock.Unlock(_lock);
        _lock.Dispose();
    }

    // Before the command starts, so that the files of one whose shell was killed are never used again.
    private static int Count(SafeFileHandle file)
    {
        Span<byte> bytes = stackalloc byte[sizeof(int)];
        int count = (RandomAccess.Read(file, bytes, 0) == bytes.Length ? BitConverter.ToInt32(bytes) : 0) + 1;
        BitConverter.TryWriteBytes(bytes, count);
        RandomAccess.Write(file, bytes, 0);
        return count;
    }
}
