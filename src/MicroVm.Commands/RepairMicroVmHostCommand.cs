using System.Management.Automation;
using MicroVm.Engine.Machines;

namespace MicroVm.Commands;

/// <summary>Repair-MicroVmHost: puts right what crashes left.</summary>
[Cmdlet(VerbsDiagnostic.Repair, Nouns.MicroVmHost, SupportsShouldProcess = true, ConfirmImpact = ConfirmImpact.Medium)]
[OutputType(typeof(RepairAction))]
public sealed class RepairMicroVmHostCommand : MicroVmCmdlet
{
    /// <inheritdoc/>
    protected override void EndProcessing()
    {
        // All of it first: putting one thing right may change how another looks.
        foreach (RepairAction found in Guard(Engine.FindRepairs, Engine.Paths.DataDirectory).ToList())
        {
            if (found.Result == RepairResult.Left)
            {
                WriteVerbose($"{found.Target} is left as it is. {found.Reason}");
                if (!IsWhatIf)
                {
                    WriteObject(found);
                }
            }
            else if (ShouldProcess(found.Target, $"Repair {found.Kind}: {found.Reason}"))
            {
                Repair(found);
            }
        }
    }

    private void Repair(RepairAction found)
    {
        Task<RepairAction> task = Run((observer, token) => Engine.RepairAsync(found, observer, token));
        WriteObject(TryComplete(found, task, out RepairAction? done)
            ? done
            : found with { Result = RepairResult.Failed, Error = task.Exception?.InnerException?.Message });
    }
}
