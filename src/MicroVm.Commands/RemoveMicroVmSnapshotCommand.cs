using System.Management.Automation;
using MicroVm.Commands.Completion;
using MicroVm.Engine.Snapshots;

namespace MicroVm.Commands;

/// <summary>Remove-MicroVmSnapshot: removes snapshots; VMs restored from them run on.</summary>
[Cmdlet(VerbsCommon.Remove, Nouns.MicroVmSnapshot, DefaultParameterSetName = ParameterSets.Name, SupportsShouldProcess = true)]
[OutputType(typeof(Snapshot))]
public sealed class RemoveMicroVmSnapshotCommand : MicroVmCmdlet
{
    /// <summary>Names of snapshots.</summary>
    [Parameter(Mandatory = true, Position = 0, ParameterSetName = ParameterSets.Name, ValueFromPipeline = true)]
    [SupportsWildcards]
    [ValidateNotNullOrEmpty]
    [ArgumentCompleter(typeof(SnapshotNameCompleter))]
    public string[] Name { get; set; } = [];

    /// <summary>Names of the VMs they were taken of; needed where several VMs have a snapshot of that name.</summary>
    [Parameter(Position = 1, ParameterSetName = ParameterSets.Name)]
    [SupportsWildcards]
    [ValidateNotNullOrEmpty]
    [ArgumentCompleter(typeof(MachineNameCompleter))]
    public string[]? VMName { get; set; }

    /// <summary>Snapshots as objects.</summary>
    [Parameter(Mandatory = true, ParameterSetName = ParameterSets.Snapshot, ValueFromPipeline = true)]
    [Alias("InputObject")]
    [ValidateNotNull]
    public Snapshot[] Snapshot { get; set; } = [];

    /// <summary>Ids of snapshots.</summary>
    [Parameter(Mandatory = true, ParameterSetName = ParameterSets.Id, ValueFromPipelineByPropertyName = true)]
    public Guid[] SnapshotId { get; set; } = [];

    /// <summary>Do not ask.</summary>
    [Parameter]
    public SwitchParameter Force { get; set; }

    /// <summary>Emit each snapshot as it was.</summary>
    [Parameter]
    public SwitchParameter PassThru { get; set; }

    /// <inheritdoc/>
    protected override void ProcessRecord()
    {
        List<Snapshot> targets = ParameterSetName switch
        {
            ParameterSets.Snapshot => [.. Snapshot],
            ParameterSets.Id => [.. Snapshots.ById(SnapshotId)],
            _ => [.. Name.SelectMany(ByName)],
        };
        targets.ForEach(Remove);
    }

    private IEnumerable<Snapshot> ByName(string name)
    {
        IEnumerable<Snapshot> candidates = VMName is null ? Snapshots.All() : Snapshots.ByMachineName(VMName);
        if (VMName is not null || WildcardPattern.ContainsWildcardCharacters(name))
        {
            return Snapshots.ByName([name], candidates);
        }

        return Snapshots.Single(name, candidates) is { } snapshot ? [snapshot] : [];
    }

    private void Remove(Snapshot snapshot)
    {
        if (ShouldAct($"{snapshot.Name} of {snapshot.VMName}", "Remove snapshot", Force ? ConfirmImpact.None : ConfirmImpact.Medium)
            && TryRun(snapshot, (_, token) => Engine.RemoveSnapshotAsync(snapshot.SnapshotId, token))
            && PassThru)
        {
            WriteObject(snapshot);
        }
    }
}
