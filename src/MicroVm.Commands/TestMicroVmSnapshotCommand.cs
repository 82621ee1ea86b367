using System.Management.Automation;
using MicroVm.Engine.Snapshots;

namespace MicroVm.Commands;

/// <summary>Test-MicroVmSnapshot: checks whether snapshots are whole and fit this host.</summary>
[Cmdlet(VerbsDiagnostic.Test, Nouns.MicroVmSnapshot, DefaultParameterSetName = ParameterSets.Name)]
[OutputType(typeof(SnapshotReport), typeof(bool))]
public sealed class TestMicroVmSnapshotCommand : SnapshotTargetCmdlet
{
    /// <summary>Only say whether it can be restored here.</summary>
    [Parameter]
    public SwitchParameter Quiet { get; set; }

    /// <inheritdoc/>
    private protected override void Process(Snapshot snapshot)
    {
        if (TryRun(snapshot, (observer, token) => Engine.TestSnapshotAsync(snapshot.SnapshotId, observer, token), out SnapshotReport? report))
        {
            WriteObject(Quiet ? report.IsOk : report);
        }
    }
}
