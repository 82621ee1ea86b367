using MicroVm.Engine.Errors;
using MicroVm.Engine.Snapshots;
using MicroVm.Engine.State;
using MicroVm.Engine.Storage;

namespace MicroVm.Engine.Machines;

/// <summary>The names of snapshots: each is unique among those of its VM. Who gives one holds the VM's lock meanwhile, and where the VM is gone nobody saves.</summary>
internal static class SnapshotNames
{
    /// <summary>Whether a snapshot of the VM, other than the one excepted, has the name.</summary>
    public static bool IsTaken(EngineContext context, Guid machineId, string name, Guid? except = null) => context.Snapshots.List().Any(entry =>
        entry.Manifest is { } other && other.MachineId == machineId && other.Id != except && other.Name.Equals(name, StringComparison.OrdinalIgnoreCase));

    /// <summary>Fails when the name is taken.</summary>
    /// <exception cref="MicroVmException"><see cref="ErrorIds.SnapshotAlreadyExists"/>.</exception>
    public static void RequireFree(EngineContext context, Guid machineId, string machineName, string name, Guid? except = null)
    {
        if (IsTaken(context, machineId, name, except))
        {
            throw new MicroVmException(ErrorIds.SnapshotAlreadyExists, ErrorKind.AlreadyExists, $"VM '{machineName}' already has a snapshot named '{name}'.")
            {
                Target = name,
                RecommendedAction = $"Choose another name, or remove that one: Remove-MicroVmSnapshot {name} -VMName {machineName}",
            };
        }
    }

    /// <summary>Gives a snapshot another name.</summary>
    public static Snapshot Rename(EngineContext context, Guid snapshotId, string newName)
    {
        NameRule.Check(newName, "snapshot");
        SnapshotManifest manifest = context.Snapshots.Read(snapshotId) ?? throw SnapshotStore.NotFound(snapshotId);
        try
        {
            using MachineLock? held = LockMachine(context, manifest);
            string machineName = SnapshotList.MachineNameOf(context, manifest);
            SnapshotManifest renamed = context.Snapshots.Change(snapshotId, present =>
            {
                RequireFree(context, present.MachineId, machineName, newName, snapshotId);
                return present with { Name = newName };
            });
            return context.Snapshots.View(renamed) with { VMName = machineName };
        }
        catch (Exception exception) when (exception is IOException or UnauthorizedAccessException)
        {
            throw StorageErrors.Wrap(exception, context.Snapshots.DirectoryOf(snapshotId));
        }
    }

    // Without opening the VM: its record may be damaged, and is of no account here.
    private static MachineLock? LockMachine(EngineContext context, SnapshotManifest manifest)
    {
        string directory = context.Machines.DirectoryOf(manifest.MachineId);
        try
        {
            return Directory.Exists(directory) ? MachineLock.Acquire(directory, manifest.MachineName, "Rename-MicroVmSnapshot") : null;
        }
        catch (IOException) when (!Directory.Exists(directory))
        {
            return null;
        }
    }
}
