using System.Management.Automation;
using MicroVm.Commands.Completion;
using MicroVm.Engine.Machines;

namespace MicroVm.Commands;

/// <summary>A cmdlet that works on VMs, given by name, as objects or by id.</summary>
public abstract class TargetCmdlet : MicroVmCmdlet
{
    /// <summary>Names of VMs.</summary>
    [Parameter(Mandatory = true, Position = 0, ParameterSetName = ParameterSets.Name, ValueFromPipeline = true)]
    [SupportsWildcards]
    [ValidateNotNullOrEmpty]
    [ArgumentCompleter(typeof(MachineNameCompleter))]
    public string[] Name { get; set; } = [];

    /// <summary>VMs as objects.</summary>
    [Parameter(Mandatory = true, ParameterSetName = ParameterSets.VM, ValueFromPipeline = true)]
    [Alias("InputObject")]
    [ValidateNotNull]
    public VirtualMachine[] VM { get; set; } = [];

    /// <summary>Ids of VMs.</summary>
    [Parameter(Mandatory = true, ParameterSetName = ParameterSets.Id, ValueFromPipelineByPropertyName = true)]
    [Alias("VMId")]
    [IdTransformation]
    public Guid[] Id { get; set; } = [];

    /// <inheritdoc/>
    protected sealed override void ProcessRecord()
    {
        // A list: acting on a VM while the engine still looks for more could hide or repeat one.
        List<VirtualMachine> targets = ParameterSetName switch
        {
            ParameterSets.VM => [.. VM],
            ParameterSets.Id => [.. Machines.ById(Id)],
            _ => [.. Machines.ByName(Name)],
        };
        if (Accepts(targets))
        {
            targets.ForEach(Process);
        }
    }

    /// <summary>Whether the cmdlet can work on these VMs together; it has written an error if not.</summary>
    private protected virtual bool Accepts(IReadOnlyList<VirtualMachine> targets) => true;

    /// <summary>Does the cmdlet's work for one VM.</summary>
    private protected abstract void Process(VirtualMachine vm);
}
