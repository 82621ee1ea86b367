using System.Management.Automation;
using MicroVm.Engine.Hosts;

namespace MicroVm.Commands;

/// <summary>Test-MicroVmHost: checks whether VMs work on this host.</summary>
[Cmdlet(VerbsDiagnostic.Test, Nouns.MicroVmHost, DefaultParameterSetName = ParameterSets.Check)]
[OutputType(typeof(HostCheck), ParameterSetName = [ParameterSets.Check])]
[OutputType(typeof(bool), ParameterSetName = [ParameterSets.Quiet])]
public sealed class TestMicroVmHostCommand : MicroVmCmdlet
{
    /// <summary>Only say whether no check failed.</summary>
    [Parameter(Mandatory = true, ParameterSetName = ParameterSets.Quiet)]
    public SwitchParameter Quiet { get; set; }

    /// <inheritdoc/>
    protected override void BeginProcessing()
    {
        if (Quiet)
        {
            WriteObject(Engine.TestHost().All(check => check.Status != HostCheckStatus.Failed));
            return;
        }

        foreach (HostCheck check in Engine.TestHost())
        {
            WriteObject(check);
        }
    }
}
