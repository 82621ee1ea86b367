using System.Management.Automation;
using MicroVm.Engine;
using MicroVm.Engine.Machines;

namespace MicroVm.Commands;

/// <summary>Remove-MicroVmNetworkInterface: takes network interfaces of VMs away, while they run as well.</summary>
[Cmdlet(
    VerbsCommon.Remove,
    Nouns.MicroVmNetworkInterface,
    DefaultParameterSetName = ParameterSets.Name,
    SupportsShouldProcess = true,
    ConfirmImpact = ConfirmImpact.Medium)]
[OutputType(typeof(VirtualMachine))]
public sealed class RemoveMicroVmNetworkInterfaceCommand : StateChangingCmdlet
{
    /// <summary>The interface's hardware address, as NetworkInterfaces of the VM shows it; not needed for a VM that has one interface.</summary>
    [Parameter(Position = 1)]
    [ValidateNotNullOrEmpty]
    public string? MacAddress { get; set; }

    private protected override ConfirmImpact Impact => ConfirmImpact.Medium;

    private protected override string Action => MacAddress is null ? "Remove the network interface" : $"Remove the network interface {MacAddress}";

    private protected override Task<VirtualMachine> ChangeAsync(VirtualMachine vm, IOperationObserver observer, CancellationToken cancellationToken) =>
        Engine.RemoveInterfaceAsync(vm.Id, MacAddress, observer, cancellationToken);
}
