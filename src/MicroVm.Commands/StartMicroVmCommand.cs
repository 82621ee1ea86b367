using System.Management.Automation;
using MicroVm.Engine;
using MicroVm.Engine.Machines;

namespace MicroVm.Commands;

/// <summary>Start-MicroVm: boots stopped VMs.</summary>
[Cmdlet(
    VerbsLifecycle.Start,
    Nouns.MicroVm,
    DefaultParameterSetName = ParameterSets.Name,
    SupportsShouldProcess = true,
    ConfirmImpact = ConfirmImpact.Low)]
[OutputType(typeof(VirtualMachine))]
public sealed class StartMicroVmCommand : StateChangingCmdlet
{
    /// <summary>Return only when the guest has written its ready marker.</summary>
    [Parameter]
    public SwitchParameter Wait { get; set; }

    /// <summary>The limit of the wait for the guest.</summary>
    [Parameter]
    [ValidateRange(0, Limits.MaximumTimeoutSeconds)]
    public int TimeoutSeconds { get; set; } = Limits.ReadyTimeoutSeconds;

    private protected override string Action => "Start";

    private protected override async Task<VirtualMachine> ChangeAsync(
        VirtualMachine vm, IOperationObserver observer, CancellationToken cancellationToken)
    {
        VirtualMachine started = await Engine.StartAsync(vm.Id, observer, cancellationToken);
        return Wait
            ? await Engine.WaitReadyAsync(vm.Id, TimeSpan.FromSeconds(TimeoutSeconds), observer, cancellationToken)
            : started;
    }
}
