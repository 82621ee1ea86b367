using System.Management.Automation;
using MicroVm.Commands.Completion;
using MicroVm.Engine;
using MicroVm.Engine.Errors;
using MicroVm.Engine.Machines;
using MicroVm.Engine.Snapshots;

namespace MicroVm.Commands;

/// <summary>Restore-MicroVm: rolls VMs back to a snapshot, or makes new VMs of one.</summary>
/// <remarks>
/// Rolling back loses what the VM has done since, so it confirms as High; a clone loses nothing, so it confirms as New-MicroVm does.
/// </remarks>
[Cmdlet(
    VerbsData.Restore,
    Nouns.MicroVm,
    DefaultParameterSetName = ParameterSets.SnapshotName,
    SupportsShouldProcess = true,
    ConfirmImpact = ConfirmImpact.High)]
[OutputType(typeof(VirtualMachine))]
public sealed class RestoreMicroVmCommand : MachineMakingCmdlet
{
    /// <summary>Snapshots as objects.</summary>
    [Parameter(Mandatory = true, ParameterSetName = ParameterSets.Snapshot, ValueFromPipeline = true)]
    [Alias("InputObject")]
    [ValidateNotNull]
    public Snapshot[] Snapshot { get; set; } = [];

    /// <summary>The name of the snapshot; the latest of each VM without it.</summary>
    [Parameter(Mandatory = true, Position = 0, ParameterSetName = ParameterSets.SnapshotName)]
    [Parameter(Position = 0, ParameterSetName = ParameterSets.VM)]
    [ValidateNotNullOrEmpty]
    [ArgumentCompleter(typeof(SnapshotNameCompleter))]
    public string? SnapshotName { get; set; }

    /// <summary>The name of the VM it was taken of; needed where several VMs have a snapshot of that name.</summary>
    [Parameter(Position = 1, ParameterSetName = ParameterSets.SnapshotName)]
    [ValidateNotNullOrEmpty]
    [ArgumentCompleter(typeof(MachineNameCompleter))]
    public string? VMName { get; set; }

    /// <summary>The VMs it was taken of.</summary>
    [Parameter(Mandatory = true, ParameterSetName = ParameterSets.VM, ValueFromPipeline = true)]
    [ValidateNotNull]
    public VirtualMachine[] VM { get; set; } = [];

    /// <summary>Ids of snapshots.</summary>
    [Parameter(Mandatory = true, ParameterSetName = ParameterSets.Id, ValueFromPipelineByPropertyName = true)]
    [IdTransformation]
    public Guid[] SnapshotId { get; set; } = [];

    /// <summary>Make clones of these names instead of rolling back.</summary>
    [Parameter]
    [ValidateNotNullOrEmpty]
    public string[]? NewName { get; set; }

    /// <summary>Make this many clones instead of rolling back; their names get the suffixes -1, -2 and so on, those left out that are taken.</summary>
    [Parameter]
    [ValidateRange(1, MaximumCount)]
    public int Count { get; set; } = 1;

    /// <summary>How many clones to make at a time.</summary>
    [Parameter]
    [ValidateRange(1, Limits.MaximumThrottleLimit)]
    public int ThrottleLimit { get; set; } = DefaultThrottleLimit;

    /// <summary>Leave the VMs paused.</summary>
    [Parameter]
    public SwitchParameter LeaveSuspended { get; set; }

    /// <summary>Put nothing right in the guests: clock, randomness and identity stay those of the snapshot.</summary>
    [Parameter]
    public SwitchParameter NoFixup { get; set; }

    /// <summary>What becomes of the guests' SSH host keys; without it clones get new ones and a VM that is rolled back keeps its own.</summary>
    [Parameter]
    public SshHostKeyPolicy? SshHostKey { get; set; }

    /// <summary>Ports of the host's that lead to the clones'. Without it they publish none.</summary>
    [Parameter]
    [ValidateNotNull]
    [PortTransformation]
    public PublishedPort[]? Publish { get; set; }

    /// <summary>Remove the clones when this pwsh ends, however it ends; their snapshots stay.</summary>
    [Parameter]
    public SwitchParameter Ephemeral { get; set; }

    /// <summary>Do not ask.</summary>
    [Parameter]
    public SwitchParameter Force { get; set; }

    private bool IsCounted => MyInvocation.BoundParameters.ContainsKey(nameof(Count));

    /// <inheritdoc/>
    protected override void BeginProcessing()
    {
        if (IsCounted && NewName is { Length: > 1 })
        {
            ThrowTerminatingError(ErrorRecords.InvalidCombination("-Count goes with one new name, or none."));
        }

        if (Publish is not null && NewName is null && !IsCounted)
        {
            ThrowTerminatingError(ErrorRecords.InvalidCombination("-Publish goes with clones: a VM that is rolled back keeps its ports, and Publish-MicroVmPort gives it more."));
        }

        if (Ephemeral && NewName is null && !IsCounted)
        {
            ThrowTerminatingError(ErrorRecords.InvalidCombination("-Ephemeral goes with clones: give -NewName or -Count."));
        }
    }

    /// <inheritdoc/>
    protected override void ProcessRecord()
    {
        List<Snapshot> targets = ParameterSetName switch
        {
            ParameterSets.Snapshot => [.. Snapshot],
            ParameterSets.Id => [.. Snapshots.ById(SnapshotId)],
            ParameterSets.VM => [.. VM.Select(OfMachine).OfType<Snapshot>()],
            _ => ByName() is { } snapshot ? [snapshot] : [],
        };
        targets.ForEach(Restore);
    }

    private Snapshot? ByName() =>
        Snapshots.Single(SnapshotName!, VMName is null ? Snapshots.All() : Snapshots.ByMachineName([VMName]));

    private Snapshot? OfMachine(VirtualMachine vm)
    {
        IEnumerable<Snapshot> taken = Snapshots.OfMachine(vm.Id);
        if (SnapshotName is not null)
        {
            return Snapshots.Single(SnapshotName, taken);
        }

        Snapshot? latest = taken.MaxBy(snapshot => snapshot.CreatedAt);
        if (latest is null)
        {
            WriteError(ErrorRecords.NotFound(ErrorIds.SnapshotNotFound, "snapshot of", vm));
        }

        return latest;
    }

    private void Restore(Snapshot snapshot)
    {
        if (NewName is null && !IsCounted)
        {
            RollBack(snapshot);
            return;
        }

        MakeAll(
            [.. Clones(snapshot).Where(clone => ShouldClone(snapshot, clone.Name!))],
            ThrottleLimit,
            $"Cloning {snapshot.Name}",
            (name, observer, token) => Engine.RestoreAsync(snapshot.SnapshotId, Options(name), observer, token),
            (clone, _, _) => Task.FromResult(clone));
    }

    private void RollBack(Snapshot snapshot)
    {
        if (ShouldAct(snapshot.VMName, $"Roll back to snapshot {snapshot.Name}", Force ? ConfirmImpact.None : ConfirmImpact.High)
            && TryRun(snapshot, (observer, token) => Engine.RestoreAsync(snapshot.SnapshotId, Options(null), observer, token), out VirtualMachine? vm))
        {
            WriteObject(vm);
        }
    }

    private IEnumerable<Making> Clones(Snapshot snapshot)
    {
        if (!IsCounted)
        {
            return NewName!.Select(name => new Making(name, snapshot, null));
        }

        NumberedNames numbers = FreeNames(NewName?[0] ?? snapshot.VMName);
        return Enumerable.Range(0, Count).Select(_ => new Making(numbers.Next(), snapshot, numbers));
    }

    private bool ShouldClone(Snapshot snapshot, string name) =>
        ShouldAct(name, $"Clone from snapshot {snapshot.Name} of {snapshot.VMName}", Force ? ConfirmImpact.None : ConfirmImpact.Medium);

    private RestoreOptions Options(string? newName) => new()
    {
        NewName = newName,
        LeaveSuspended = LeaveSuspended,
        NoFixup = NoFixup,
        SshHostKeys = SshHostKey,
        Ephemeral = Ephemeral,
        PublishedPorts = Publish,
    };
}
