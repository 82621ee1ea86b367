using MicroVm.Engine.State;

namespace MicroVm.Engine.Machines;

/// <summary>Changes what users wrote about VMs. Only the record is touched, so a VM may do what it likes meanwhile.</summary>
internal static class LabelPlan
{
    /// <summary>Changes tags and description.</summary>
    public static async Task<VirtualMachine> SetAsync(EngineContext context, Guid id, MachineUpdate update)
    {
        string? description = MachineLabels.CheckDescription(update.Description);
        IReadOnlyDictionary<string, string>? tags = update.Tags is { } given ? MachineLabels.CheckTags(given) : null;
        using LockedMachine machine = await context.OpenAsync(id, "Set-MicroVm");
        MachineRecord record = machine.Record;
        machine.Save(record with
        {
            Description = update.Description is null ? record.Description : description,
            Tags = tags ?? record.Tags,
        });
        return machine.View;
    }
}
