using MicroVm.Engine.Errors;
using MicroVm.Engine.State;

namespace MicroVm.Engine.Machines.Repairs;

/// <summary>Names that lead nowhere or to a VM that is called otherwise, and VMs whose names lead nowhere.</summary>
internal static class NameRepairs
{
    /// <summary>What is found.</summary>
    public static IEnumerable<RepairAction> Find(EngineContext context)
    {
        foreach (string name in context.Names.All())
        {
            if (context.Names.Find(name) is not { } id)
            {
                continue;
            }

            string directory = context.Machines.DirectoryOf(id);
            if (!Directory.Exists(directory))
            {
                yield return RepairPlan.Action(
                    RepairKind.StaleName, name, "The VM that had it is gone.", () => context.Names.ReleaseStale(name) ? RepairResult.Done : RepairResult.Gone);
            }
            else if (RepairPlan.ReadIdle(context, id) is { } record && !IsNameOf(record, name))
            {
                yield return new RepairAction
                {
                    Kind = RepairKind.StaleName,
                    Target = name,
                    Reason = $"The VM that has it is called '{record.Name}'.",
                    Mend = (_, _) => ReleaseAsync(context, id, name),
                };
            }
        }

        foreach (Guid id in context.Machines.Ids())
        {
            if (RepairPlan.ReadIdle(context, id) is not { } record || context.Names.Find(record.Name) == id)
            {
                continue;
            }

            yield return new RepairAction
            {
                Kind = RepairKind.MissingName,
                Target = record.Name,
                Reason = $"VM {id} does not hold its name.",
                Mend = (_, _) => ClaimAsync(context, id),
            };
        }
    }

    private static async Task<RepairResult> ReleaseAsync(EngineContext context, Guid id, string name)
    {
        using LockedMachine machine = await context.OpenAsync(id, "Repair-MicroVmHost");
        if (IsNameOf(machine.Record, name) || context.Names.Find(name) != id)
        {
            return RepairResult.Gone;
        }

        context.Names.Release(name, id);
        return RepairResult.Done;
    }

    private static async Task<RepairResult> ClaimAsync(EngineContext context, Guid id)
    {
        using LockedMachine machine = await context.OpenAsync(id, "Repair-MicroVmHost");
        if (context.Names.Find(machine.Record.Name) == id)
        {
            return RepairResult.Gone;
        }

        try
        {
            context.Names.Claim(machine.Record.Name, id);
            return RepairResult.Done;
        }
        catch (MicroVmException exception) when (exception.ErrorId == ErrorIds.MicroVmAlreadyExists)
        {
            // Another VM was given it; the user renames one of them.
            return RepairResult.Left;
        }
    }

    private static bool IsNameOf(MachineRecord record, string name) => record.Name.Equals(name, StringComparison.OrdinalIgnoreCase);
}
