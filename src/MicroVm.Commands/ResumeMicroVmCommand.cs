using System.Management.Automation;
using MicroVm.Engine;
using MicroVm.Engine.Machines;

namespace MicroVm.Commands;

/// <summary>Resume-MicroVm: lets paused VMs go on.</summary>
[Cmdlet(
    VerbsLifecycle.Resume,
    Nouns.MicroVm,
    DefaultParameterSetName = ParameterSets.Name,
    SupportsShouldProcess = true,
    ConfirmImpact = ConfirmImpact.Low)]
[OutputType(typeof(VirtualMachine))]
public sealed class ResumeMicroVmCommand : StateChangingCmdlet
{
    private protected override string Action => "Resume";

    private protected override Task<VirtualMachine> ChangeAsync(
        VirtualMachine vm, IOperationObserver observer, CancellationToken cancellationToken) =>
        Engine.ResumeAsync(vm.Id, observer, cancellationToken);
}
