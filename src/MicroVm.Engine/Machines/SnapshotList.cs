using MicroVm.Engine.Errors;
using MicroVm.Engine.Snapshots;

namespace MicroVm.Engine.Machines;

/// <summary>What users see of the snapshots. They go by the names that their VMs have now; a VM may have been renamed since.</summary>
internal static class SnapshotList
{
    /// <summary>All snapshots; a damaged one with its status.</summary>
    public static IEnumerable<Snapshot> All(EngineContext context)
    {
        Dictionary<Guid, string> names = [];
        foreach ((Guid id, SnapshotManifest? manifest, MicroVmException? failure) in context.Snapshots.List())
        {
            if (manifest is null)
            {
                yield return context.Snapshots.ViewDamaged(id, failure!);
                continue;
            }

            if (!names.TryGetValue(manifest.MachineId, out string? name))
            {
                names[manifest.MachineId] = name = MachineNameOf(context, manifest);
            }

            yield return context.Snapshots.View(manifest) with { VMName = name };
        }
    }

    /// <summary>The name of the VM a snapshot was taken of: as it is now, or as it was then where the VM is gone or its record does not tell.</summary>
    public static string MachineNameOf(EngineContext context, SnapshotManifest manifest)
    {
        try
        {
            return context.Machines.Read(manifest.MachineId)?.Name ?? manifest.MachineName;
        }
        catch (MicroVmException)
        {
            return manifest.MachineName;
        }
    }
}
