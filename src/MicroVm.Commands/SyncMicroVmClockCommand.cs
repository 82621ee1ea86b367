using System.Management.Automation;
using MicroVm.Engine;
using MicroVm.Engine.Machines;

namespace MicroVm.Commands;

/// <summary>Sync-MicroVmClock: sets the clocks of guests to the host's.</summary>
[Cmdlet(
    VerbsData.Sync,
    Nouns.MicroVmClock,
    DefaultParameterSetName = ParameterSets.Name,
    SupportsShouldProcess = true,
    ConfirmImpact = ConfirmImpact.Low)]
[OutputType(typeof(MachineFixup))]
public sealed class SyncMicroVmClockCommand : GuestFixupCmdlet
{
    private protected override string Action => "Set clock";

    private protected override Task<MachineFixup> FixAsync(VirtualMachine vm, IOperationObserver observer, CancellationToken cancellationToken) =>
        Engine.SyncClockAsync(vm.Id, observer, cancellationToken);
}
