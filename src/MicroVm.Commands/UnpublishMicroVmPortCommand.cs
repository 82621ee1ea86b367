using System.Management.Automation;
using MicroVm.Engine;
using MicroVm.Engine.Machines;

namespace MicroVm.Commands;

/// <summary>Unpublish-MicroVmPort: takes published ports back; connections through them go on.</summary>
[Cmdlet(
    VerbsData.Unpublish,
    Nouns.MicroVmPort,
    DefaultParameterSetName = ParameterSets.Name,
    SupportsShouldProcess = true,
    ConfirmImpact = ConfirmImpact.Low)]
[OutputType(typeof(VirtualMachine))]
public sealed class UnpublishMicroVmPortCommand : StateChangingCmdlet
{
    /// <summary>The host's ports; all that the VM publishes without it.</summary>
    [Parameter(Position = 1)]
    [ValidateRange(1, 65535)]
    public int[]? HostPort { get; set; }

    /// <summary>Only ports of this protocol.</summary>
    [Parameter]
    public PortProtocol? Protocol { get; set; }

    private protected override string Action => HostPort is null ? "Unpublish all ports" : $"Unpublish {string.Join(", ", HostPort)}";

    private protected override Task<VirtualMachine> ChangeAsync(VirtualMachine vm, IOperationObserver observer, CancellationToken cancellationToken) =>
        Engine.UnpublishAsync(vm.Id, HostPort, Protocol, cancellationToken);
}
