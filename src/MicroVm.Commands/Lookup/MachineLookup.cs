using System.Management.Automation;
using MicroVm.Engine;
using MicroVm.Engine.Errors;
using MicroVm.Engine.Machines;

namespace MicroVm.Commands.Lookup;

/// <summary>Finds VMs. A literal name or id that nothing has is a non-terminating error, a pattern without a match is none.</summary>
internal sealed class MachineLookup(Cmdlet cmdlet, MicroVmEngine engine)
{
    /// <summary>All VMs.</summary>
    public IEnumerable<VirtualMachine> All() => Guard(engine.GetMachines, null);

    /// <summary>The VMs of the given names and patterns.</summary>
    public IEnumerable<VirtualMachine> ByName(IEnumerable<string> names) => names.SelectMany(ByName);

    /// <summary>The VMs of the given ids.</summary>
    public IEnumerable<VirtualMachine> ById(IEnumerable<Guid> ids) => ids.SelectMany(id => Found(() => engine.FindMachine(id), id));

    private IEnumerable<VirtualMachine> ByName(string name)
    {
        if (NameMatch.IsLiteral(name))
        {
            return Found(() => engine.FindMachine(name), name);
        }

        WildcardPattern pattern = NameMatch.Pattern(name);
        return All().Where(vm => pattern.IsMatch(vm.Name));
    }

    private IEnumerable<VirtualMachine> Found(Func<VirtualMachine?> find, object target)
    {
        IEnumerable<VirtualMachine> Search()
        {
            if (find() is { } vm)
            {
                return [vm];
            }

            cmdlet.WriteError(ErrorRecords.NotFound(ErrorIds.MicroVmNotFound, "VM", target));
            return [];
        }

        return Guard(Search, target);
    }

    private IEnumerable<VirtualMachine> Guard(Func<IEnumerable<VirtualMachine>> source, object? target) => source.Guard(cmdlet, target);
}
