using System.Collections;
using System.Management.Automation;
using MicroVm.Engine;
using MicroVm.Engine.Machines;

namespace MicroVm.Commands;

/// <summary>Set-MicroVm: changes tags and descriptions of VMs.</summary>
[Cmdlet(
    VerbsCommon.Set,
    Nouns.MicroVm,
    DefaultParameterSetName = ParameterSets.Name,
    SupportsShouldProcess = true,
    ConfirmImpact = ConfirmImpact.Low)]
[OutputType(typeof(VirtualMachine))]
public sealed class SetMicroVmCommand : StateChangingCmdlet
{
    /// <summary>The tags the VMs shall have, instead of all they have; an empty table takes them away.</summary>
    [Parameter]
    [ValidateNotNull]
    public IDictionary? Tag { get; set; }

    /// <summary>What to remember about the VMs; an empty text takes it away.</summary>
    [Parameter]
    [AllowEmptyString]
    public string? Description { get; set; }

    private protected override string Action => (Tag, Description) switch
    {
        (not null, not null) => "Set tags and description",
        (not null, null) => "Set tags",
        _ => "Set description",
    };

    /// <inheritdoc/>
    protected override void BeginProcessing()
    {
        if (Tag is null && Description is null)
        {
            ThrowTerminatingError(ErrorRecords.InvalidCombination("Give what is to be set: -Tag, -Description."));
        }
    }

    private protected override Task<VirtualMachine> ChangeAsync(VirtualMachine vm, IOperationObserver observer, CancellationToken cancellationToken) =>
        Engine.SetAsync(vm.Id, new MachineUpdate { Description = Description, Tags = Tag is null ? null : TagTable.Read(Tag) }, cancellationToken);
}
