using System.Management.Automation;
using MicroVm.Engine;
using MicroVm.Engine.Machines;

namespace MicroVm.Commands;

/// <summary>Update-MicroVmEntropy: gives the kernels of guests fresh randomness.</summary>
[Cmdlet(
    VerbsData.Update,
    Nouns.MicroVmEntropy,
    DefaultParameterSetName = ParameterSets.Name,
    SupportsShouldProcess = true,
    ConfirmImpact = ConfirmImpact.Low)]
[OutputType(typeof(MachineFixup))]
public sealed class UpdateMicroVmEntropyCommand : GuestFixupCmdlet
{
    private protected override string Action => "Reseed random numbers";

    private protected override Task<MachineFixup> FixAsync(VirtualMachine vm, IOperationObserver observer, CancellationToken cancellationToken) =>
        Engine.UpdateEntropyAsync(vm.Id, observer, cancellationToken);
}
