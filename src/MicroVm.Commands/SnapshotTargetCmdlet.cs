using System.Management.Automation;
using MicroVm.Commands.Completion;
using MicroVm.Engine.Snapshots;

namespace MicroVm.Commands;

/// <summary>A cmdlet that works on snapshots, given by name, as objects or by id.</summary>
public abstract class SnapshotTargetCmdlet : MicroVmCmdlet
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
    [IdTransformation]
    public Guid[] SnapshotId { get; set; } = [];

    /// <inheritdoc/>
    protected sealed override void ProcessRecord()
    {
        List<Snapshot> targets = ParameterSetName switch
        {
            ParameterSets.Snapshot => [.. Snapshot],
            ParameterSets.Id => [.. Snapshots.ById(SnapshotId)],
            _ => [.. Name.SelectMany(ByName)],
        };
        targets.ForEach(Process);
    }

    /// <summary>Does the cmdlet's work for one snapshot.</summary>
    private protected abstract void Process(Snapshot snapshot);

    private IEnumerable<Snapshot> ByName(string name)
    {
        IEnumerable<Snapshot> candidates = VMName is null ? Snapshots.All() : Snapshots.ByMachineName(VMName);
        if (VMName is not null || WildcardPattern.ContainsWildcardCharacters(name))
        {
            return Snapshots.ByName([name], candidates);
        }

        return Snapshots.Single(name, candidates) is { } snapshot ? [snapshot] : [];
    }
}
