using System.Collections;
using System.Management.Automation;
using MicroVm.Commands.Completion;
using MicroVm.Engine;
using MicroVm.Engine.Machines;

namespace MicroVm.Commands;

/// <summary>Set-MicroVm: changes tags, descriptions and egress policies of VMs.</summary>
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

    /// <summary>Where the guests may go from now on: Internet, Open or None, and rules that come before it.</summary>
    [Parameter]
    [ValidateNotNull]
    [EgressTransformation]
    [ArgumentCompleter(typeof(EgressPolicyCompleter))]
    public EgressPolicy? EgressPolicy { get; set; }

    private protected override string Action => "Set " + string.Join(" and ", ((string?[])
    [
        Tag is null ? null : "tags",
        Description is null ? null : "description",
        EgressPolicy is null ? null : $"egress policy {EgressPolicy}",
    ]).OfType<string>());

    /// <inheritdoc/>
    protected override void BeginProcessing()
    {
        if (Tag is null && Description is null && EgressPolicy is null)
        {
            ThrowTerminatingError(ErrorRecords.InvalidCombination("Give what is to be set: -Tag, -Description, -EgressPolicy."));
        }
    }

    private protected override Task<VirtualMachine> ChangeAsync(VirtualMachine vm, IOperationObserver observer, CancellationToken cancellationToken) =>
        Engine.SetAsync(
            vm.Id,
            new MachineUpdate { Description = Description, Tags = Tag is null ? null : TagTable.Read(Tag), Egress = EgressPolicy },
            observer,
            cancellationToken);
}
