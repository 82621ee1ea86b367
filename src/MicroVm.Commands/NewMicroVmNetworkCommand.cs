using System.Management.Automation;
using MicroVm.Engine;

namespace MicroVm.Commands;

/// <summary>New-MicroVmNetwork: makes named networks, whose VMs reach each other.</summary>
[Cmdlet(VerbsCommon.New, Nouns.MicroVmNetwork, SupportsShouldProcess = true, ConfirmImpact = ConfirmImpact.Low)]
[OutputType(typeof(NamedNetwork))]
public sealed class NewMicroVmNetworkCommand : MicroVmCmdlet
{
    /// <summary>Names of the networks.</summary>
    [Parameter(Mandatory = true, Position = 0, ValueFromPipeline = true)]
    [ValidateNotNullOrEmpty]
    public string[] Name { get; set; } = [];

    /// <summary>What to remember about them.</summary>
    [Parameter]
    [AllowEmptyString]
    public string? Description { get; set; }

    /// <inheritdoc/>
    protected override void ProcessRecord()
    {
        foreach (string name in Name)
        {
            if (ShouldProcess(name, "Create network")
                && TryRun(name, (_, token) => Engine.CreateNetworkAsync(name, Description, token), out NamedNetwork? network))
            {
                WriteObject(network);
            }
        }
    }
}
