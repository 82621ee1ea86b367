using System.Management.Automation;
using MicroVm.Engine;
using MicroVm.Engine.Machines;

namespace MicroVm.Commands;

/// <summary>Rename-MicroVm: gives a VM another name.</summary>
/// <remarks>-NewName binds by property name so that it may be a script block, as that of Rename-Item.</remarks>
[Cmdlet(VerbsCommon.Rename, Nouns.MicroVm, DefaultParameterSetName = ParameterSets.Name, SupportsShouldProcess = true)]
[OutputType(typeof(VirtualMachine))]
public sealed class RenameMicroVmCommand : StateChangingCmdlet
{
    /// <summary>The new name.</summary>
    [Parameter(Mandatory = true, Position = 1, ValueFromPipelineByPropertyName = true)]
    [ValidateNotNullOrEmpty]
    public string NewName { get; set; } = string.Empty;

    private protected override string Action => $"Rename to {NewName}";

    private protected override ConfirmImpact Impact => ConfirmImpact.Medium;

    private protected override bool Accepts(IReadOnlyList<VirtualMachine> targets)
    {
        if (targets.Count > 1)
        {
            WriteError(ErrorRecords.InvalidCombination($"One VM can have the name '{NewName}', and {targets.Count} were given: {string.Join(", ", targets)}."));
        }

        return targets.Count <= 1;
    }

    private protected override Task<VirtualMachine> ChangeAsync(VirtualMachine vm, IOperationObserver observer, CancellationToken cancellationToken) =>
        Engine.RenameAsync(vm.Id, NewName, observer, cancellationToken);
}
