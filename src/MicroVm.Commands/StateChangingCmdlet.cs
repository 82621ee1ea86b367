using System.Management.Automation;
using MicroVm.Engine;
using MicroVm.Engine.Machines;

namespace MicroVm.Commands;

/// <summary>A cmdlet that changes the state of VMs and emits each as it then is.</summary>
public abstract class StateChangingCmdlet : TargetCmdlet
{
    /// <summary>Accepted so that scripts written for Hyper-V bind; the VM is emitted anyway.</summary>
    [Parameter(DontShow = true)]
    public SwitchParameter PassThru { get; set; }

    /// <summary>What is done, as a confirmation shows it.</summary>
    private protected abstract string Action { get; }

    /// <summary>How much it takes to confirm; Low unless a cmdlet says otherwise.</summary>
    private protected virtual ConfirmImpact Impact => ConfirmImpact.Low;

    /// <summary>Changes the state of one VM.</summary>
    private protected abstract Task<VirtualMachine> ChangeAsync(
        VirtualMachine vm, IOperationObserver observer, CancellationToken cancellationToken);

    /// <inheritdoc/>
    private protected sealed override void Process(VirtualMachine vm)
    {
        if (ShouldAct(vm.Name, Action, Impact)
            && TryRun(vm, (observer, token) => ChangeAsync(vm, observer, token), out VirtualMachine? changed))
        {
            WriteObject(changed);
        }
    }
}
