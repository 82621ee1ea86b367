using System.Management.Automation;
using MicroVm.Engine.Machines;

namespace MicroVm.Commands;

/// <summary>Remove-MicroVm: removes VMs and their disks; their snapshots stay.</summary>
[Cmdlet(
    VerbsCommon.Remove,
    Nouns.MicroVm,
    DefaultParameterSetName = ParameterSets.Name,
    SupportsShouldProcess = true,
    ConfirmImpact = ConfirmImpact.High)]
[OutputType(typeof(VirtualMachine))]
public sealed class RemoveMicroVmCommand : TargetCmdlet
{
    /// <summary>Remove running VMs too, and do not ask.</summary>
    [Parameter]
    public SwitchParameter Force { get; set; }

    /// <summary>Emit each VM as it last was.</summary>
    [Parameter]
    public SwitchParameter PassThru { get; set; }

    private protected override void Process(VirtualMachine vm)
    {
        if (ShouldAct(vm.Name, "Remove", Force ? ConfirmImpact.None : ConfirmImpact.High)
            && TryRun(vm, (observer, token) => Engine.RemoveAsync(vm.Id, Force, observer, token), out VirtualMachine? removed)
            && PassThru)
        {
            WriteObject(removed);
        }
    }
}
