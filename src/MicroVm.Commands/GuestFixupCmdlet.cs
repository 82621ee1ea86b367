using System.Management.Automation;
using MicroVm.Engine;
using MicroVm.Engine.Machines;

namespace MicroVm.Commands;

/// <summary>A cmdlet that puts one thing right in the guests of running VMs and emits what it did.</summary>
public abstract class GuestFixupCmdlet : TargetCmdlet
{
    /// <summary>What is done, as a confirmation shows it.</summary>
    private protected abstract string Action { get; }

    /// <summary>Does it in the guest of one VM.</summary>
    private protected abstract Task<MachineFixup> FixAsync(VirtualMachine vm, IOperationObserver observer, CancellationToken cancellationToken);

    /// <inheritdoc/>
    private protected sealed override void Process(VirtualMachine vm)
    {
        if (ShouldAct(vm.Name, Action, ConfirmImpact.Low) && TryRun(vm, (observer, token) => FixAsync(vm, observer, token), out MachineFixup? done))
        {
            WriteObject(done);
        }
    }
}
