using System.Management.Automation;
using MicroVm.Commands.Completion;
using MicroVm.Engine;

namespace MicroVm.Commands;

/// <summary>Get-MicroVmNetwork: gets the named networks.</summary>
[Cmdlet(VerbsCommon.Get, Nouns.MicroVmNetwork)]
[OutputType(typeof(NamedNetwork))]
public sealed class GetMicroVmNetworkCommand : MicroVmCmdlet
{
    /// <summary>Names of networks; all without it.</summary>
    [Parameter(Position = 0, ValueFromPipeline = true)]
    [SupportsWildcards]
    [ValidateNotNullOrEmpty]
    [ArgumentCompleter(typeof(NetworkNameCompleter))]
    public string[]? Name { get; set; }

    /// <inheritdoc/>
    protected override void ProcessRecord()
    {
        foreach (NamedNetwork network in Name is null ? Networks.All() : Networks.ByName(Name))
        {
            WriteObject(network);
        }
    }
}
