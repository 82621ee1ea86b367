using System.Management.Automation;
using MicroVm.Commands.Completion;
using MicroVm.Engine.Machines;
using MicroVm.Engine.Snapshots;

namespace MicroVm.Commands;

/// <summary>Get-MicroVmSnapshot: gets snapshots, of all VMs or of some.</summary>
[Cmdlet(VerbsCommon.Get, Nouns.MicroVmSnapshot, DefaultParameterSetName = ParameterSets.Name)]
[OutputType(typeof(Snapshot))]
public sealed class GetMicroVmSnapshotCommand : MicroVmCmdlet
{
    /// <summary>Names of snapshots; all without it.</summary>
    [Parameter(Position = 0, ParameterSetName = ParameterSets.Name)]
    [Parameter(Position = 0, ParameterSetName = ParameterSets.VM)]
    [SupportsWildcards]
    [ValidateNotNullOrEmpty]
    [ArgumentCompleter(typeof(SnapshotNameCompleter))]
    public string[]? Name { get; set; }

    /// <summary>Names of the VMs they were taken of, also of VMs that are gone.</summary>
    [Parameter(Position = 1, ParameterSetName = ParameterSets.Name)]
    [SupportsWildcards]
    [ValidateNotNullOrEmpty]
    [ArgumentCompleter(typeof(MachineNameCompleter))]
    public string[]? VMName { get; set; }

    /// <summary>The VMs they were taken of.</summary>
    [Parameter(Mandatory = true, ParameterSetName = ParameterSets.VM, ValueFromPipeline = true)]
    [ValidateNotNull]
    public VirtualMachine[] VM { get; set; } = [];

    /// <summary>Ids of snapshots.</summary>
    [Parameter(Mandatory = true, ParameterSetName = ParameterSets.Id, ValueFromPipelineByPropertyName = true)]
    [IdTransformation]
    public Guid[] SnapshotId { get; set; } = [];

    /// <inheritdoc/>
    protected override void ProcessRecord()
    {
        foreach (Snapshot snapshot in Find())
        {
            WriteObject(snapshot);
        }
    }

    private IEnumerable<Snapshot> Find()
    {
        if (ParameterSetName == ParameterSets.Id)
        {
            return Snapshots.ById(SnapshotId);
        }

        IEnumerable<Snapshot> candidates = ParameterSetName == ParameterSets.VM ? VM.SelectMany(vm => Snapshots.OfMachine(vm.Id))
            : VMName is null ? Snapshots.All()
            : Snapshots.ByMachineName(VMName);
        return Name is null ? candidates : Snapshots.ByName(Name, candidates);
    }
}
