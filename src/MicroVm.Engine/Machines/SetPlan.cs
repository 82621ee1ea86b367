using MicroVm.Engine.State;

namespace MicroVm.Engine.Machines;

/// <summary>Changes what users wrote about VMs, and where their guests may go. The VMM is not asked, so a VM may do what it likes meanwhile.</summary>
internal static class SetPlan
{
    /// <summary>Changes what is to be changed.</summary>
    public static async Task<VirtualMachine> SetAsync(EngineContext context, Guid id, MachineUpdate update, IOperationObserver observer)
    {
        string? description = MachineLabels.CheckDescription(update.Description);
        IReadOnlyDictionary<string, string>? tags = update.Tags is { } given ? MachineLabels.CheckTags(given) : null;
        using LockedMachine machine = await context.OpenAsync(id, "Set-MicroVm");
        MachineRecord before = machine.Record;
        MachineRecord after = before with
        {
            Description = update.Description is null ? before.Description : description,
            Tags = tags ?? before.Tags,
        };
        if (update.Egress is not { } egress)
        {
            machine.Save(after);
            return machine.View;
        }

        NetworkRules.CheckEgress(egress, before.Hardware.Interfaces.Select(one => one.Mode));
        after = after with { Network = before.Network! with { Egress = egress } };
        HostFirewall.SetEgress(context, before, egress);
        try
        {
            machine.Save(after);
        }
        catch
        {
            UndoStack undo = new();
            undo.Push("egress policy", () => HostFirewall.SetEgress(context, after, before.Network.Egress));
            await undo.RollBackAsync(observer);
            throw;
        }

        return machine.View;
    }
}
