using System.Management.Automation;
using MicroVm.Engine;
using MicroVm.Engine.Hosts;

namespace MicroVm.Commands;

/// <summary>Get-MicroVmHypervisor: gets the VMMs of this host.</summary>
[Cmdlet(VerbsCommon.Get, Nouns.MicroVmHypervisor)]
[OutputType(typeof(Hypervisor))]
public sealed class GetMicroVmHypervisorCommand : MicroVmCmdlet
{
    /// <summary>Only this VMM.</summary>
    [Parameter(Position = 0)]
    public HypervisorKind Hypervisor { get; set; } = HypervisorKind.Auto;

    /// <summary>Programs beside those that are installed.</summary>
    [Parameter]
    [ValidateNotNullOrEmpty]
    public string[]? HypervisorPath { get; set; }

    /// <inheritdoc/>
    protected override void BeginProcessing()
    {
        if (HypervisorPath is null)
        {
            if (TryRun(Hypervisor, (_, token) => Engine.GetHypervisorsAsync(token), out IReadOnlyList<Hypervisor>? installed))
            {
                WriteObject(installed.Where(found => Hypervisor == HypervisorKind.Auto || found.Kind == Hypervisor), enumerateCollection: true);
            }

            return;
        }

        foreach (string path in HypervisorPath)
        {
            string program = FilePath.Resolve(this, path)!;
            if (TryRun(path, (_, token) => Engine.GetHypervisorAsync(Hypervisor, program, token), out Hypervisor? found))
            {
                WriteObject(found);
            }
        }
    }
}
