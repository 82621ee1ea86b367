using MicroVm.Engine.Errors;
using MicroVm.Engine.Snapshots;

namespace MicroVm.Engine.Machines;

/// <summary>Removes snapshots.</summary>
internal static class RemoveSnapshotPlan
{
    /// <summary>Removes a snapshot. Memory that VMs have mapped from it lives on until they end, so even by force they lose nothing.</summary>
    public static void Remove(EngineContext context, Guid id, bool force)
    {
        List<string> users = force ? [] : [.. Users.OfSnapshot(context, id)];
        if (users.Count > 0)
        {
            string name = context.Snapshots.Read(id)?.Name ?? throw SnapshotStore.NotFound(id);
            throw new MicroVmException(ErrorIds.SnapshotInUse, ErrorKind.Busy, $"The memory of {Users.Join(users)} comes from snapshot '{name}'.")
            {
                Target = name,
                RecommendedAction = "Remove or stop what uses it first, or use -Force: that goes on, and the space is free when the last has ended.",
            };
        }

        context.Snapshots.Remove(id);
    }
}
