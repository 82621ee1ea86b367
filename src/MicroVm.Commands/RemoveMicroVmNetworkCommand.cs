using System.Management.Automation;
using MicroVm.Commands.Completion;
using MicroVm.Engine;

namespace MicroVm.Commands;

/// <summary>Remove-MicroVmNetwork: removes named networks that no VM is in.</summary>
[Cmdlet(VerbsCommon.Remove, Nouns.MicroVmNetwork, DefaultParameterSetName = ParameterSets.Name, SupportsShouldProcess = true)]
[OutputType(typeof(NamedNetwork))]
public sealed class RemoveMicroVmNetworkCommand : MicroVmCmdlet
{
    /// <summary>Names of networks.</summary>
    [Parameter(Mandatory = true, Position = 0, ParameterSetName = ParameterSets.Name, ValueFromPipeline = true)]
    [SupportsWildcards]
    [ValidateNotNullOrEmpty]
    [ArgumentCompleter(typeof(NetworkNameCompleter))]
    public string[] Name { get; set; } = [];

    /// <summary>Networks as objects.</summary>
    [Parameter(Mandatory = true, ParameterSetName = ParameterSets.InputObject, ValueFromPipeline = true)]
    [ValidateNotNull]
    public NamedNetwork[] InputObject { get; set; } = [];

    /// <summary>Do not ask.</summary>
    [Parameter]
    public SwitchParameter Force { get; set; }

    /// <summary>Emit each network as it was.</summary>
    [Parameter]
    public SwitchParameter PassThru { get; set; }

    /// <inheritdoc/>
    protected override void ProcessRecord()
    {
        List<NamedNetwork> targets = ParameterSetName == ParameterSets.InputObject ? [.. InputObject] : [.. Networks.ByName(Name)];
        targets.ForEach(Remove);
    }

    private void Remove(NamedNetwork network)
    {
        if (ShouldAct(network.Name, "Remove network", Force ? ConfirmImpact.None : ConfirmImpact.Medium)
            && TryRun(network, (_, token) => Engine.RemoveNetworkAsync(network.Name, token))
            && PassThru)
        {
            WriteObject(network);
        }
    }
}
