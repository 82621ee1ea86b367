using System.Management.Automation;
using MicroVm.Engine;
using MicroVm.Engine.Machines;

namespace MicroVm.Commands;

/// <summary>Stop-MicroVm: asks guests to shut down, or turns their VMs off.</summary>
[Cmdlet(VerbsLifecycle.Stop, Nouns.MicroVm, DefaultParameterSetName = ParameterSets.Name, SupportsShouldProcess = true)]
[OutputType(typeof(VirtualMachine))]
public sealed class StopMicroVmCommand : StateChangingCmdlet
{
    /// <summary>End the VMM at once, as if the power were cut.</summary>
    [Parameter]
    public SwitchParameter TurnOff { get; set; }

    /// <summary>End the VMM if the guest does not shut down in time.</summary>
    [Parameter]
    public SwitchParameter Force { get; set; }

    /// <summary>How long the guest may take to shut down.</summary>
    [Parameter]
    [ValidateRange(0, Limits.MaximumTimeoutSeconds)]
    public int TimeoutSeconds { get; set; } = Limits.StopTimeoutSeconds;

    private protected override string Action => TurnOff ? "Turn off" : "Stop";

    private protected override ConfirmImpact Impact => Force ? ConfirmImpact.None : ConfirmImpact.Medium;

    private protected override Task<VirtualMachine> ChangeAsync(
        VirtualMachine vm, IOperationObserver observer, CancellationToken cancellationToken) =>
        Engine.StopAsync(vm.Id, Mode, TimeSpan.FromSeconds(TimeoutSeconds), observer, cancellationToken);

    private StopMode Mode => TurnOff ? StopMode.TurnOff : Force ? StopMode.GracefulThenForce : StopMode.Graceful;
}
