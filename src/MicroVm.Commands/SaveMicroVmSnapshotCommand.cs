using System.Management.Automation;
using MicroVm.Commands.Completion;
using MicroVm.Engine;
using MicroVm.Engine.Machines;
using MicroVm.Engine.Snapshots;

namespace MicroVm.Commands;

/// <summary>Save-MicroVmSnapshot: saves a point of VMs and leaves them as they were.</summary>
[Cmdlet(VerbsData.Save, Nouns.MicroVmSnapshot, DefaultParameterSetName = ParameterSets.VM, SupportsShouldProcess = true)]
[Alias("Checkpoint-MicroVm")]
[OutputType(typeof(Snapshot))]
public sealed class SaveMicroVmSnapshotCommand : MicroVmCmdlet
{
    /// <summary>The name of the snapshot; one is made from the time without it.</summary>
    [Parameter(Position = 0)]
    [ValidateNotNullOrEmpty]
    public string? SnapshotName { get; set; }

    /// <summary>Names of VMs.</summary>
    [Parameter(Mandatory = true, Position = 1, ParameterSetName = ParameterSets.Name, ValueFromPipeline = true)]
    [SupportsWildcards]
    [ValidateNotNullOrEmpty]
    [ArgumentCompleter(typeof(MachineNameCompleter))]
    public string[] VMName { get; set; } = [];

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

    /// <summary>What to remember about it.</summary>
    [Parameter]
    public string? Description { get; set; }

    /// <inheritdoc/>
    protected override void ProcessRecord()
    {
        List<VirtualMachine> targets = ParameterSetName switch
        {
            ParameterSets.Name => [.. Machines.ByName(VMName)],
            ParameterSets.Id => [.. Machines.ById(Id)],
            _ => [.. VM],
        };
        targets.ForEach(Save);
    }

    private void Save(VirtualMachine vm)
    {
        if (ShouldProcess(vm.Name, SnapshotName is null ? "Save snapshot" : $"Save snapshot {SnapshotName}")
            && TryRun(vm, (observer, token) => SaveAsync(vm.Id, observer, token), out Snapshot? snapshot))
        {
            WriteObject(snapshot);
        }
    }

    private Task<Snapshot> SaveAsync(Guid id, IOperationObserver observer, CancellationToken cancellationToken) =>
        Engine.SaveSnapshotAsync(id, SnapshotName, Description, observer, cancellationToken);
}
