using System.Collections;
using System.Management.Automation;
using MicroVm.Commands.Completion;
using MicroVm.Engine;
using MicroVm.Engine.Machines;

namespace MicroVm.Commands;

/// <summary>Get-MicroVm: gets VMs as they are now.</summary>
[Cmdlet(VerbsCommon.Get, Nouns.MicroVm, DefaultParameterSetName = ParameterSets.Name)]
[OutputType(typeof(VirtualMachine))]
public sealed class GetMicroVmCommand : MicroVmCmdlet
{
    /// <summary>Names of VMs; all without it.</summary>
    [Parameter(Position = 0, ParameterSetName = ParameterSets.Name, ValueFromPipeline = true)]
    [SupportsWildcards]
    [ValidateNotNullOrEmpty]
    [ArgumentCompleter(typeof(MachineNameCompleter))]
    public string[]? Name { get; set; }

    /// <summary>Ids of VMs; a VM or snapshot piped in gives its VM as it is now.</summary>
    [Parameter(Mandatory = true, ParameterSetName = ParameterSets.Id, ValueFromPipelineByPropertyName = true)]
    [Alias("VMId")]
    [IdTransformation]
    public Guid[] Id { get; set; } = [];

    /// <summary>Only VMs in one of these states.</summary>
    [Parameter]
    public VmState[]? State { get; set; }

    /// <summary>Only VMs with all of these tags; values may have wildcards.</summary>
    [Parameter]
    [SupportsWildcards]
    [ValidateNotNull]
    public IDictionary? Tag { get; set; }

    /// <inheritdoc/>
    protected override void ProcessRecord()
    {
        IEnumerable<VirtualMachine> found = ParameterSetName == ParameterSets.Id ? Machines.ById(Id)
            : Name is null ? Machines.All()
            : Machines.ByName(Name);
        foreach (VirtualMachine vm in found.Where(vm => (State is null || State.Contains(vm.State)) && (Tag is null || TagTable.Fits(Tag, vm.Tags))))
        {
            WriteObject(vm);
        }
    }
}
