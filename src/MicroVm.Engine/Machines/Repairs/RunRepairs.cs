using MicroVm.Engine.Errors;
using MicroVm.Engine.State;

namespace MicroVm.Engine.Machines.Repairs;

/// <summary>Run directories that no record names. A VMM in one is ended only if the directory says that it was made for a VM of this data directory.</summary>
internal static class RunRepairs
{
    /// <summary>What is found.</summary>
    public static IEnumerable<RepairAction> Find(EngineContext context)
    {
        foreach (string path in context.Runs.All())
        {
            string name = Path.GetFileName(path);
            if (name.StartsWith(OwnedName.StagingPrefix, StringComparison.Ordinal))
            {
                if (OwnedName.IsAbandoned(name))
                {
                    yield return RepairPlan.Action(
                        RepairKind.OrphanedRun, path, "The process that was making it is dead.", () => RepairPlan.DeleteDirectory(path));
                }
            }
            else if (RunDirectories.IsName(name) && Look(context, path) is { } found)
            {
                yield return found;
            }
        }
    }

    private static RepairAction? Look(EngineContext context, string path)
    {
        if (context.Runs.OwnerOf(path) is not { } id)
        {
            return Directory.Exists(path)
                ? RepairPlan.Doubtful(RepairKind.OrphanedRun, path, "It does not say that it was made for a VM of this data directory.")
                : null;
        }

        string machine = context.Machines.DirectoryOf(id);
        if (MachineLock.IsHeld(machine))
        {
            return null;
        }

        try
        {
            if (context.Machines.Read(id) is { } record ? Names(record, path) : Directory.Exists(machine))
            {
                // The VM's own, or to be removed with the VM that was never finished.
                return null;
            }
        }
        catch (MicroVmException exception) when (exception.ErrorId == ErrorIds.StateCorrupt)
        {
            // Removing that VM ends what is in it.
            return null;
        }

        return new RepairAction
        {
            Kind = RepairKind.OrphanedRun,
            Target = path,
            Reason = Directory.Exists(machine) ? $"VM {id} does not use it." : $"VM {id}, for which it was made, is gone.",
            Mend = (_, _) => EndAsync(context, id, path),
        };
    }

    private static async Task<RepairResult> EndAsync(EngineContext context, Guid id, string path)
    {
        HypervisorKind kind = HypervisorKind.Auto;
        LockedMachine? machine = null;
        try
        {
            machine = await context.OpenAsync(id, "Repair-MicroVmHost");
            kind = machine.Record.Hardware.Hypervisor;
            if (Names(machine.Record, path))
            {
                return RepairResult.Gone;
            }
        }
        catch (MicroVmException exception) when (exception.ErrorId == ErrorIds.MicroVmNotFound && !Directory.Exists(context.Machines.DirectoryOf(id)))
        {
            // An id is never used again.
        }

        using (machine)
        {
            if (!Directory.Exists(path))
            {
                return RepairResult.Gone;
            }

            await OrphanedVmm.EndAsync(context.DriverOf(kind), path);
            MachineStore.DeleteDirectory(path);
            return RepairResult.Done;
        }
    }

    private static bool Names(MachineRecord record, string path) => record.Run?.RunDirectory == path || record.PendingRunDirectory == path;
}
