using System.Management.Automation;
using MicroVm.Engine;
using MicroVm.Engine.Machines;

namespace MicroVm.Commands;

/// <summary>Publish-MicroVmPort: makes ports of the host's lead to VMs.</summary>
[Cmdlet(
    VerbsData.Publish,
    Nouns.MicroVmPort,
    DefaultParameterSetName = ParameterSets.Name,
    SupportsShouldProcess = true,
    ConfirmImpact = ConfirmImpact.Low)]
[OutputType(typeof(VirtualMachine))]
public sealed class PublishMicroVmPortCommand : StateChangingCmdlet
{
    /// <summary>Ports: [address:]hostPort:guestPort[/tcp|udp]; without the host's port a free one is chosen.</summary>
    [Parameter(Mandatory = true, Position = 1)]
    [ValidateNotNullOrEmpty]
    [PortTransformation]
    public PublishedPort[] Port { get; set; } = [];

    private protected override string Action => $"Publish {string.Join(", ", Port.AsEnumerable())}";

    private protected override Task<VirtualMachine> ChangeAsync(VirtualMachine vm, IOperationObserver observer, CancellationToken cancellationToken) =>
        Engine.PublishAsync(vm.Id, Port, observer, cancellationToken);
}
