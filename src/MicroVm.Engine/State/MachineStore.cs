using System.Text;
using System.Text.Json;
using MicroVm.Engine.Errors;
using MicroVm.Engine.Native;

namespace MicroVm.Engine.State;

/// <summary>The directories and records of VMs.</summary>
internal sealed class MachineStore(MicroVmPaths paths)
{
    /// <summary>The record's file name in a VM's directory.</summary>
    public const string RecordFile = "vm.json";

    /// <summary>The file name of the note of how the last VMM ended.</summary>
    public const string ExitFile = "exit.json";

    private const UnixFileMode OwnerOnly = UnixFileMode.UserRead | UnixFileMode.UserWrite | UnixFileMode.UserExecute;

    /// <summary>Where everything lives.</summary>
    public MicroVmPaths Paths { get; } = paths;

    /// <summary>The directory of a VM.</summary>
    public string DirectoryOf(Guid id) => Path.Combine(Paths.MachinesDirectory, id.ToString("N"));

    /// <summary>The log of a VM's serial console.</summary>
    public string SerialLogOf(Guid id) => Path.Combine(DirectoryOf(id), "serial.log");

    /// <summary>The log of a VM's VMM.</summary>
    public string VmmLogOf(Guid id) => Path.Combine(DirectoryOf(id), "vmm.log");

    /// <summary>Makes a directory that only its owner may enter, and its parents.</summary>
    public static void MakeDirectory(string path)
    {
        if (Directory.Exists(path))
        {
            return;
        }

        // CreateDirectory gives the mode to the last directory alone.
        if (Path.GetDirectoryName(path) is { Length: > 0 } parent)
        {
            MakeDirectory(parent);
        }

        Directory.CreateDirectory(path, OwnerOnly);
    }

    /// <summary>As <see cref="MakeDirectory"/>, and a power failure does not undo it.</summary>
    public static void MakeLastingDirectory(string path)
    {
        if (Directory.Exists(path))
        {
            return;
        }

        string parent = Path.GetDirectoryName(path)!;
        MakeLastingDirectory(parent);
        MakeDirectory(path);
        FileSync.SyncDirectory(parent);
    }

    /// <summary>The directories in a directory; none when it does not exist. One that may not be read is not taken for empty.</summary>
    public static IEnumerable<string> DirectoriesIn(string path)
    {
        try
        {
            return Directory.EnumerateDirectories(path);
        }
        catch (DirectoryNotFoundException)
        {
            return [];
        }
    }

    /// <summary>The ids of all VM directories.</summary>
    public IEnumerable<Guid> Ids()
    {
        foreach (string directory in DirectoriesIn(Paths.MachinesDirectory))
        {
            if (Guid.TryParseExact(Path.GetFileName(directory), "N", out Guid id))
            {
                yield return id;
            }
        }
    }

    /// <summary>The record of a VM, or null when there is none (it is being made, or was removed).</summary>
    /// <exception cref="MicroVmException"><see cref="ErrorIds.StateCorrupt"/>.</exception>
    public MachineRecord? Read(Guid id)
    {
        string path = RecordPath(id);
        byte[] content;
        try
        {
            content = File.ReadAllBytes(path);
        }
        catch (Exception exception) when (exception is FileNotFoundException or DirectoryNotFoundException)
        {
            return null;
        }
        catch (Exception exception) when (exception is IOException or UnauthorizedAccessException)
        {
            throw Corrupt(id, $"The record '{path}' cannot be read.", exception);
        }

        try
        {
            MachineRecord record = StateJson.ReadMachine(content);
            return record.Version == MachineRecord.CurrentVersion && record.Id == id
                ? record
                : throw new JsonException($"Version {record.Version} of VM {record.Id} in the directory of {id}.");
        }
        catch (JsonException exception)
        {
            throw Corrupt(id, $"The record '{path}' is damaged.", exception);
        }
    }

    /// <summary>Writes a record.</summary>
    /// <param name="record">The record.</param>
    /// <param name="lasting">Whether it must outlast a power failure.</param>
    public void Write(MachineRecord record, bool lasting = true)
    {
        byte[] content = StateJson.Write(record);
        AtomicFile.Write(RecordPath(record.Id), content, lasting);
    }

    /// <summary>Makes the directory of a new VM, locked by the caller before anybody else can see it.</summary>
    public MachineLock MakeLocked(Guid id, string name, string operation)
    {
        string staging = Path.Combine(Paths.MachinesDirectory, OwnedName.Of($"{OwnedName.StagingPrefix}{id:N}"));
        MakeLastingDirectory(Paths.MachinesDirectory);
        MakeDirectory(staging);
        MachineLock? held = null;
        try
        {
            held = MachineLock.Acquire(staging, name, operation);
            Failpoint.Reach(Failpoints.ClaimLocked);
            Directory.Move(staging, DirectoryOf(id));
            return held;
        }
        catch
        {
            held?.Dispose();
            Directory.Delete(staging, recursive: true);
            throw;
        }
    }

    /// <summary>
    /// Makes durable what a record is going to name: the disks, the VM's directory and its name. Begins at once and goes on beside what the caller does until it
    /// has to be done.
    /// </summary>
    /// <param name="id">The VM.</param>
    /// <param name="files">Files in its directory.</param>
    public Task SettleAsync(Guid id, IEnumerable<string> files)
    {
        string[] paths = [.. files.Select(file => Path.Combine(DirectoryOf(id), file))];
        return Task.Run(() =>
        {
            foreach (string path in paths)
            {
                FileSync.SyncFile(path);
            }

            FileSync.SyncDirectory(Paths.MachinesDirectory);
            FileSync.SyncDirectory(Paths.NamesDirectory);
        });
    }

    /// <summary>Removes a VM's directory.</summary>
    public void Delete(Guid id)
    {
        // Out of sight first: so nobody finds half a VM, or makes a file in what is being deleted.
        string doomed = Path.Combine(Paths.MachinesDirectory, OwnedName.RemovedPrefix + id.ToString("N"));
        Directory.Move(DirectoryOf(id), doomed);
        Failpoint.Reach(Failpoints.RemoveHidden);
        DeleteDirectory(doomed);
        Failpoint.Reach(Failpoints.RemoveDeleted);
    }

    /// <summary>Removes a directory with all that is in it.</summary>
    /// <returns>False when there is none: somebody else was quicker.</returns>
    public static bool DeleteDirectory(string path)
    {
        try
        {
            Directory.Delete(path, recursive: true);
            return true;
        }
        catch (DirectoryNotFoundException)
        {
            return false;
        }
    }

    /// <summary>The directories of VMs that processes which are dead were making.</summary>
    public IEnumerable<string> Abandoned() => DirectoriesIn(Paths.MachinesDirectory)
        .Where(path => Path.GetFileName(path) is { } name && name.StartsWith(OwnedName.StagingPrefix, StringComparison.Ordinal) && OwnedName.IsAbandoned(name));

    /// <summary>The directories of removed VMs that nobody is deleting.</summary>
    public IEnumerable<string> Removed() => DirectoriesIn(Paths.MachinesDirectory)
        .Where(path => Path.GetFileName(path).StartsWith(OwnedName.RemovedPrefix, StringComparison.Ordinal) && !MachineLock.IsHeld(path));

    /// <summary>Notes how a VMM ended; nothing is noted for a VM that is gone.</summary>
    public void WriteExit(Guid id, ExitRecord exit)
    {
        byte[] content = StateJson.Write(exit);
        try
        {
            AtomicFile.Write(ExitPath(id), content, lasting: false);
        }
        catch (Exception exception) when (exception is IOException or UnauthorizedAccessException)
        {
            // The directory was removed together with the VM, or the disk is full: the exit status is a courtesy. Nobody could catch it: this may be in the
            // handler of a signal.
        }
    }

    /// <summary>How a VMM ended, where anybody saw it.</summary>
    public ExitRecord? ReadExit(Guid id, ProcessIdentity process) => ReadExit(id) is { } exit && exit.Process == process ? exit : null;

    /// <summary>How the last VMM ended whose end anybody saw.</summary>
    public ExitRecord? ReadExit(Guid id)
    {
        // Most VMs that are listed have never ended, and an exception costs more than a look.
        if (!File.Exists(ExitPath(id)))
        {
            return null;
        }

        try
        {
            return StateJson.ReadExit(File.ReadAllBytes(ExitPath(id)));
        }
        catch (Exception exception) when (exception is IOException or UnauthorizedAccessException or JsonException)
        {
            return null;
        }
    }

    /// <summary>Notes that the guest of a run has said it is ready, for the time when its log does not show that any more.</summary>
    /// <exception cref="IOException">The note cannot be written.</exception>
    public void NoteReady(Guid id, MachineRun run) => AtomicFile.Write(ReadyPath(id), Encoding.UTF8.GetBytes(run.RunDirectory), lasting: false);

    /// <summary>Whether <see cref="NoteReady"/> was called for this run.</summary>
    public bool WasNotedReady(Guid id, MachineRun run) => File.Exists(ReadyPath(id)) && File.ReadAllText(ReadyPath(id)) == run.RunDirectory;

    private MicroVmException Corrupt(Guid id, string message, Exception cause) => new(ErrorIds.StateCorrupt, ErrorKind.InvalidData, message, cause)
    {
        Target = RecordPath(id),
        RecommendedAction = $"Restore the file, or discard the VM with: Remove-MicroVm -Id {id} -Force",
    };

    private string RecordPath(Guid id) => Path.Combine(DirectoryOf(id), RecordFile);

    private string ReadyPath(Guid id) => Path.Combine(DirectoryOf(id), "ready");

    private string ExitPath(Guid id) => Path.Combine(DirectoryOf(id), ExitFile);
}
