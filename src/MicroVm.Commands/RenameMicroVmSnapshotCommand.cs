using System.Management.Automation;
using MicroVm.Commands.Completion;
using MicroVm.Engine.Snapshots;

namespace MicroVm.Commands;

/// <summary>Rename-MicroVmSnapshot: gives a snapshot another name.</summary>
/// <remarks>-NewName binds by property name so that it may be a script block, as that of Rename-Item.</remarks>
[Cmdlet(VerbsCommon.Rename, Nouns.MicroVmSnapshot, DefaultParameterSetName = ParameterSets.Name, SupportsShouldProcess = true)]
[OutputType(typeof(Snapshot))]
public sealed class RenameMicroVmSnapshotCommand : MicroVmCmdlet
{
    /// <summary>The present name of the snapshot.</summary>
    [Parameter(Mandatory = true, Position = 0, ParameterSetName = ParameterSets.Name, ValueFromPipeline = true)]
    [ValidateNotNullOrEmpty]
    [ArgumentCompleter(typeof(SnapshotNameCompleter))]
    public string Name { get; set; } = string.Empty;

    /// <summary>The new name.</summary>
    [Parameter(Mandatory = true, Position = 1, ValueFromPipelineByPropertyName = true)]
    [ValidateNotNullOrEmpty]
    public string NewName { get; set; } = string.Empty;

    /// <summary>The name of the VM it was taken of; needed where several VMs have a snapshot of that name.</summary>
    [Parameter(ParameterSetName = ParameterSets.Name)]
    [ValidateNotNullOrEmpty]
    [ArgumentCompleter(typeof(MachineNameCompleter))]
    public string? VMName { get; set; }

    /// <summary>The snapshot as an object.</summary>
    [Parameter(Mandatory = true, ParameterSetName = ParameterSets.Snapshot, ValueFromPipeline = true)]
    [Alias("InputObject")]
    [ValidateNotNull]
    public Snapshot Snapshot { get; set; } = null!;

    /// <summary>The id of the snapshot.</summary>
    [Parameter(Mandatory = true, ParameterSetName = ParameterSets.Id, ValueFromPipelineByPropertyName = true)]
    [IdTransformation]
    public Guid SnapshotId { get; set; }

    /// <summary>Accepted so that scripts written for Hyper-V bind; the snapshot is emitted anyway.</summary>
    [Parameter(DontShow = true)]
    public SwitchParameter PassThru { get; set; }

    /// <inheritdoc/>
    protected override void ProcessRecord()
    {
        Snapshot? target = ParameterSetName switch
        {
            ParameterSets.Snapshot => Snapshot,
            ParameterSets.Id => Snapshots.ById([SnapshotId]).FirstOrDefault(),
            _ => Snapshots.Single(Name, VMName is null ? Snapshots.All() : Snapshots.ByMachineName([VMName])),
        };
        if (target is not null
            && ShouldProcess($"{target.Name} of {target.VMName}", $"Rename snapshot to {NewName}")
            && TryRun(target, (_, token) => Engine.RenameSnapshotAsync(target.SnapshotId, NewName, token), out Snapshot? renamed))
        {
            WriteObject(renamed);
        }
    }
}
