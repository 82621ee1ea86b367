using System.Text.Json;
using Microsoft.Win32.SafeHandles;
using MicroVm.Engine.Errors;
using MicroVm.Engine.Native;
using MicroVm.Engine.State;
using MicroVm.Engine.Storage;

namespace MicroVm.Engine.Snapshots;

/// <summary>The snapshots on disk: a directory each, complete or absent.</summary>
internal sealed class SnapshotStore(MicroVmPaths paths)
{
    /// <summary>The memory's file name.</summary>
    public const string MemoryFile = "memory";

    /// <summary>The device state's file name.</summary>
    public const string DeviceStateFile = "state";

    /// <summary>The disk's file name.</summary>
    public const string DiskFile = "disk";

    private const string ManifestFile = "manifest.json";

    /// <summary>The directory of a snapshot.</summary>
    public string DirectoryOf(Guid id) => Path.Combine(paths.SnapshotsDirectory, id.ToString("N"));

    /// <summary>The snapshots; one whose manifest is damaged is given as its id and the failure.</summary>
    public IEnumerable<(Guid Id, SnapshotManifest? Manifest, MicroVmException? Failure)> List()
    {
        foreach (string directory in MachineStore.DirectoriesIn(paths.SnapshotsDirectory))
        {
            if (Guid.TryParseExact(Path.GetFileName(directory), "N", out Guid id))
            {
                SnapshotManifest? manifest = null;
                MicroVmException? failure = null;
                try
                {
                    manifest = Read(id);
                }
                catch (MicroVmException exception)
                {
                    failure = exception;
                }

                // Neither: it was removed between the listing and the reading.
                if (manifest is not null || failure is not null)
                {
                    yield return (id, manifest, failure);
                }
            }
        }
    }

    /// <summary>The manifest of a snapshot, or null when there is none.</summary>
    /// <exception cref="MicroVmException"><see cref="ErrorIds.SnapshotCorrupt"/>.</exception>
    public SnapshotManifest? Read(Guid id)
    {
        string path = Path.Combine(DirectoryOf(id), ManifestFile);
        try
        {
            SnapshotManifest manifest = SnapshotJson.Read(File.ReadAllBytes(path));
            return manifest.Version == SnapshotManifest.CurrentVersion && manifest.Id == id
                ? manifest
                : throw new JsonException($"Version {manifest.Version} of snapshot {manifest.Id} in the directory of {id}.");
        }
        catch (DirectoryNotFoundException)
        {
            return null;
        }
        catch (Exception exception) when (exception is JsonException or IOException or UnauthorizedAccessException)
        {
            throw new MicroVmException(ErrorIds.SnapshotCorrupt, ErrorKind.InvalidData, $"The manifest '{path}' is damaged or missing.", exception)
            {
                Target = path,
                RecommendedAction = $"Remove the snapshot: Remove-MicroVmSnapshot -SnapshotId {id}",
            };
        }
    }

    /// <summary>Makes an empty directory to collect a snapshot in, and removes those that processes which were killed have left.</summary>
    public string Stage(Guid id)
    {
        Sweep();
        string directory = StagingOf(id);
        MachineStore.MakeLastingDirectory(paths.SnapshotsDirectory);
        MachineStore.MakeDirectory(directory);
        return directory;
    }

    /// <summary>Removes what was collected of a snapshot that is not to be, also when it has its place already.</summary>
    public void Discard(string staging, Guid id)
    {
        if (!Directory.Exists(staging) && Directory.Exists(DirectoryOf(id)))
        {
            Directory.Move(DirectoryOf(id), staging);
        }

        Directory.Delete(staging, recursive: true);
    }

    /// <summary>The directories in which processes that are dead collected snapshots, and those of removed ones.</summary>
    public IEnumerable<string> Abandoned() => MachineStore.DirectoriesIn(paths.SnapshotsDirectory).Where(directory =>
        Path.GetFileName(directory) is { } name
        && (name.StartsWith(OwnedName.RemovedPrefix, StringComparison.Ordinal)
            || (name.StartsWith(OwnedName.StagingPrefix, StringComparison.Ordinal) && OwnedName.IsAbandoned(name))));

    /// <summary>Writes the manifest and gives the staged snapshot its final place. Its files must be durable already.</summary>
    public void Publish(string staging, SnapshotManifest manifest)
    {
        AtomicFile.Write(Path.Combine(staging, ManifestFile), SnapshotJson.Write(manifest));
        Directory.Move(staging, DirectoryOf(manifest.Id));
        Failpoint.Reach(Failpoints.SavePublished);
        FileSync.SyncDirectory(paths.SnapshotsDirectory);
    }

    /// <summary>Rewrites a manifest, one change of any at a time.</summary>
    /// <param name="id">The snapshot.</param>
    /// <param name="change">Makes the new manifest of the present one; nobody else changes one meanwhile.</param>
    /// <exception cref="MicroVmException"><see cref="ErrorIds.SnapshotNotFound"/>, or what <paramref name="change"/> throws.</exception>
    public SnapshotManifest Change(Guid id, Func<SnapshotManifest, SnapshotManifest> change)
    {
        using SafeFileHandle file = Descriptors.OpenUnlocked(Path.Combine(paths.SnapshotsDirectory, ".lock"));
        FileLock.Lock(file);
        SnapshotManifest manifest = change(Read(id) ?? throw NotFound(id));
        try
        {
            AtomicFile.Write(Path.Combine(DirectoryOf(id), ManifestFile), SnapshotJson.Write(manifest));
        }
        catch (Exception exception) when (exception is DirectoryNotFoundException or FileNotFoundException)
        {
            // It was removed meanwhile.
            throw NotFound(id);
        }

        return manifest;
    }

    /// <summary>Removes a snapshot. Memory that a VM has mapped lives on until that VM ends.</summary>
    /// <exception cref="MicroVmException"><see cref="ErrorIds.SnapshotNotFound"/>, or what is wrong with the file system.</exception>
    public void Remove(Guid id)
    {
        // Renamed first: a half-deleted snapshot must not look like one.
        string doomed = Path.Combine(paths.SnapshotsDirectory, $"{OwnedName.RemovedPrefix}{id:N}");
        try
        {
            Sweep();
            if (!TryHide(id, doomed))
            {
                throw NotFound(id);
            }

            Failpoint.Reach(Failpoints.SnapshotHidden);
            MachineStore.DeleteDirectory(doomed);
            Failpoint.Reach(Failpoints.SnapshotDeleted);
        }
        catch (Exception exception) when (exception is IOException or UnauthorizedAccessException)
        {
            throw StorageErrors.Wrap(exception, DirectoryOf(id));
        }
    }

    private bool TryHide(Guid id, string doomed)
    {
        try
        {
            Directory.Move(DirectoryOf(id), doomed);
            return true;
        }
        catch (DirectoryNotFoundException)
        {
            return false;
        }
    }

    private string StagingOf(Guid id) => Path.Combine(paths.SnapshotsDirectory, OwnedName.Of($"{OwnedName.StagingPrefix}{id:N}"));

    private void Sweep()
    {
        foreach (string directory in Abandoned())
        {
            try
            {
                Directory.Delete(directory, recursive: true);
            }
            catch (Exception exception) when (exception is IOException or UnauthorizedAccessException)
            {
                // Another process is removing it too, or the next one will.
            }
        }
    }

    /// <summary>The error for an id that no snapshot has.</summary>
    public static MicroVmException NotFound(Guid id) =>
        new(ErrorIds.SnapshotNotFound, ErrorKind.NotFound, $"There is no snapshot with id {id}.")
        {
            Target = id,
            RecommendedAction = "Get-MicroVmSnapshot lists the snapshots.",
        };

    /// <summary>What a user sees of a snapshot.</summary>
    public Snapshot View(SnapshotManifest manifest)
    {
        string directory = DirectoryOf(manifest.Id);
        return new Snapshot
        {
            Name = manifest.Name,
            SnapshotId = manifest.Id,
            VMName = manifest.MachineName,
            VMId = manifest.MachineId,
            Description = manifest.Description,
            CreatedAt = manifest.CreatedAt,
            ParentSnapshotId = manifest.ParentId,
            Hypervisor = manifest.Hardware.Hypervisor,
            HypervisorPath = manifest.Hardware.HypervisorPath,
            HypervisorVersion = manifest.Host.HypervisorVersion,
            Accelerator = manifest.Host.Accelerator,
            CpuCount = manifest.Hardware.CpuCount,
            MemoryBytes = manifest.Hardware.MemoryBytes,
            Image = manifest.Boot.Image,
            SizeBytes = FilesOf(manifest).Sum(file => FileUsage.AllocatedBytes(Path.Combine(directory, file))),
            PauseDuration = manifest.PauseDuration,
            Path = directory,
        };
    }

    // By name and not by listing the directory, which may be removed at any time.
    private static IEnumerable<string> FilesOf(SnapshotManifest manifest) =>
    [
        ManifestFile, MemoryFile, DeviceStateFile,
        .. manifest.Disk is null ? (string[])[] : [DiskFile],
        .. manifest.Boot.HasConfigurationDisk ? (string[])[BootSource.ConfigurationFile] : [],
    ];

    /// <summary>What a user sees of a snapshot whose manifest cannot be read.</summary>
    public Snapshot ViewDamaged(Guid id, MicroVmException failure) => new()
    {
        Name = id.ToString("N"),
        SnapshotId = id,
        VMName = "",
        VMId = Guid.Empty,
        HypervisorVersion = "",
        Path = DirectoryOf(id),
        Status = $"{failure.Message} {failure.InnerException?.Message}",
    };
}
