namespace MicroVm.Engine.Machines.Repairs;

/// <summary>Snapshots and images that were being made or removed.</summary>
internal static class StoreRepairs
{
    /// <summary>What is found.</summary>
    public static IEnumerable<RepairAction> Find(EngineContext context)
    {
        foreach (string path in context.Snapshots.Abandoned())
        {
            yield return RepairPlan.Action(
                RepairKind.UnfinishedSnapshot, path, "The process that was at work on it is dead.", () => RepairPlan.DeleteDirectory(path));
        }

        foreach (string path in context.Images.Abandoned())
        {
            yield return RepairPlan.Action(
                RepairKind.UnfinishedImage, path, "Nobody is changing the images.", () => context.Images.Sweep(path) ? RepairResult.Done : RepairResult.Gone);
        }
    }
}
