using System.Management.Automation;
using MicroVm.Engine.Hosts;

namespace MicroVm.Commands;

/// <summary>Get-MicroVmHost: gets what is set for the host, and how much of it is used.</summary>
[Cmdlet(VerbsCommon.Get, Nouns.MicroVmHost)]
[OutputType(typeof(MicroVmHost))]
public sealed class GetMicroVmHostCommand : MicroVmCmdlet
{
    /// <inheritdoc/>
    protected override void ProcessRecord()
    {
        if (TryRun("host", (_, token) => Engine.GetHostAsync(token), out MicroVmHost? host))
        {
            WriteObject(host);
        }
    }
}
