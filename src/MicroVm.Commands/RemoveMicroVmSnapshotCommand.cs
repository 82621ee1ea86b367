using System.Management.Automation;
using MicroVm.Engine.Snapshots;

namespace MicroVm.Commands;

/// <summary>Remove-MicroVmSnapshot: removes snapshots.</summary>
[Cmdlet(VerbsCommon.Remove, Nouns.MicroVmSnapshot, DefaultParameterSetName = ParameterSets.Name, SupportsShouldProcess = true)]
[OutputType(typeof(Snapshot))]
public sealed class RemoveMicroVmSnapshotCommand : SnapshotTargetCmdlet
{
    /// <summary>Do not ask, and remove also what running VMs have their memory from.</summary>
    [Parameter]
    public SwitchParameter Force { get; set; }

    /// <summary>Emit each snapshot as it was.</summary>
    [Parameter]
    public SwitchParameter PassThru { get; set; }

    /// <inheritdoc/>
    private protected override void Process(Snapshot snapshot)
    {
        if (ShouldAct($"{snapshot.Name} of {snapshot.VMName}", "Remove snapshot", Force ? ConfirmImpact.None : ConfirmImpact.Medium)
            && TryRun(snapshot, (_, token) => Engine.RemoveSnapshotAsync(snapshot.SnapshotId, Force, token))
            && PassThru)
        {
            WriteObject(snapshot);
        }
    }
}
