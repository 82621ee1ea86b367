using System.Management.Automation;
using MicroVm.Engine;
using MicroVm.Engine.Machines;

namespace MicroVm.Commands;

/// <summary>Restart-MicroVm: stops VMs and boots them again.</summary>
[Cmdlet(VerbsLifecycle.Restart, Nouns.MicroVm, DefaultParameterSetName = ParameterSets.Name, SupportsShouldProcess = true)]
[OutputType(typeof(VirtualMachine))]
public sealed class RestartMicroVmCommand : StateChangingCmdlet
{
    /// <summary>End the VMM at once, as if the power were cut.</summary>
    [Parameter]
    public SwitchParameter TurnOff { get; set; }

    /// <summary>End the VMM if the guest does not shut down in time, and do not ask.</summary>
    [Parameter]
    public SwitchParameter Force { get; set; }

    /// <summary>Return only when the guest has written its ready marker.</summary>
    [Parameter]
    public SwitchParameter Wait { get; set; }

    /// <summary>How long the guest may take to shut down, and with -Wait to be ready again.</summary>
    [Parameter]
    [ValidateRange(0, Limits.MaximumTimeoutSeconds)]
    public int TimeoutSeconds { get; set; }

    private protected override string Action => TurnOff ? "Turn off and start" : "Restart";

    private protected override ConfirmImpact Impact => Force ? ConfirmImpact.None : ConfirmImpact.Medium;

    private StopMode Mode => TurnOff ? StopMode.TurnOff : Force ? StopMode.GracefulThenForce : StopMode.Graceful;

    private protected override async Task<VirtualMachine> ChangeAsync(VirtualMachine vm, IOperationObserver observer, CancellationToken cancellationToken)
    {
        VirtualMachine restarted = await Engine.RestartAsync(vm.Id, Mode, Limit(Limits.StopTimeoutSeconds), observer, cancellationToken);
        return Wait
            ? await Engine.WaitReadyAsync(vm.Id, Limit(Limits.ReadyTimeoutSeconds), observer, cancellationToken)
            : restarted;
    }

    private TimeSpan Limit(int unlessGiven) =>
        TimeSpan.FromSeconds(MyInvocation.BoundParameters.ContainsKey(nameof(TimeoutSeconds)) ? TimeoutSeconds : unlessGiven);
}
