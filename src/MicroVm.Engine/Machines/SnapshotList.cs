using MicroVm.Engine.Errors;
using MicroVm.Engine.Snapshots;

namespace MicroVm.Engine.Machines;

/// <summary>What users see of the snapshots. They go by the names that their VMs have now; a VM may have been renamed since.</summary>
internal static class SnapshotList
{
    /// <summary>All snapshots; a damaged one with its status.</summary>
    public static IEnumerable<Snapshot> All(EngineContext context)
    {
        Dictionary<Guid, string?> names = [];
        foreach ((Guid id, SnapshotManifest? manifest, MicroVmException? failure) in context.Snapshots.List())
        {
            if (manifest is null)
            {
                yield return context.Snapshots.ViewDamaged(id, failure!);
                continue;
            }

            if (!names.TryGetValue(manifest.MachineId, out string? name))
            {
                names[manifest.MachineId] = name = NameOf(context, manifest.MachineId);
            }

            Snapshot view = context.Snapshots.View(manifest);
            yield return name is null ? view : view with { VMName = name };
        }
    }

    // Null where the VM is gone, or its record does not tell.
    private static string? NameOf(EngineContext context, Guid id)
    {
        try
        {
            return context.Machines.Read(id)?.Name;
        }
        catch (MicroVmException)
        {
            return null;
        }
    }
}
