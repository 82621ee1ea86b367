using MicroVm.Engine.Errors;
using MicroVm.Engine.State;

namespace MicroVm.Engine.Machines;

/// <summary>
/// Renames VMs: the new name is claimed, then recorded, then the old one is given back. The record decides which of the two is the VM's, so it has exactly one
/// at any moment; it also says which other one may be left if this process is killed, and the next operation on the VM gives that back.
/// </summary>
internal static class RenamePlan
{
    /// <summary>Renames a VM.</summary>
    public static async Task<VirtualMachine> RenameAsync(EngineContext context, Guid id, string newName, IOperationObserver observer)
    {
        NameRule.Check(newName, "VM");
        using LockedMachine machine = await context.OpenAsync(id, "Rename-MicroVm");
        MachineRecord before = machine.Record;
        MachineRecord renamed = before with { Name = newName, Boot = BootSources.Renamed(before.Boot, before.Name, newName) };
        if (NameClaims.AreSame(before.Name, newName))
        {
            // Its claim is the same.
            machine.Save(renamed);
            return machine.View;
        }

        try
        {
            machine.SavePassing(before with { SpareName = newName });
            context.Names.Claim(newName, id);
            machine.Save(renamed with { SpareName = before.Name });
        }
        catch
        {
            TakeBack(context, machine, before, newName, observer);
            throw;
        }

        context.Names.Release(before.Name, id);
        machine.TrySave(renamed, observer, lasting: false);
        return machine.View;
    }

    // A record that cannot be written may be the old one or the new one: then both claims stay, for the next operation to decide.
    private static void TakeBack(EngineContext context, LockedMachine machine, MachineRecord before, string newName, IOperationObserver observer)
    {
        try
        {
            machine.SavePassing(before);
            context.Names.Release(newName, before.Id);
        }
        catch (Exception exception) when (exception is MicroVmException or IOException or UnauthorizedAccessException)
        {
            observer.Warning($"The name '{newName}' stays taken until VM '{before.Name}' is worked on again: {exception.Message}");
        }
    }
}
