using System.Management.Automation;
using MicroVm.Engine;
using MicroVm.Engine.Machines;

namespace MicroVm.Commands;

/// <summary>Suspend-MicroVm: pauses VMs; their memory stays in RAM.</summary>
[Cmdlet(
    VerbsLifecycle.Suspend,
    Nouns.MicroVm,
    DefaultParameterSetName = ParameterSets.Name,
    SupportsShouldProcess = true,
    ConfirmImpact = ConfirmImpact.Low)]
[OutputType(typeof(VirtualMachine))]
public sealed class SuspendMicroVmCommand : StateChangingCmdlet
{
    private protected override string Action => "Suspend";

    private protected override Task<VirtualMachine> ChangeAsync(
        VirtualMachine vm, IOperationObserver observer, CancellationToken cancellationToken) =>
        Engine.SuspendAsync(vm.Id, observer, cancellationToken);
}
