using System.Management.Automation;
using MicroVm.Commands.Completion;
using MicroVm.Engine.Storage;

namespace MicroVm.Commands;

/// <summary>Remove-MicroVmImage: removes installed images.</summary>
[Cmdlet(VerbsCommon.Remove, Nouns.MicroVmImage, DefaultParameterSetName = ParameterSets.Name, SupportsShouldProcess = true)]
[OutputType(typeof(GuestImage))]
public sealed class RemoveMicroVmImageCommand : MicroVmCmdlet
{
    /// <summary>Names of images.</summary>
    [Parameter(Mandatory = true, Position = 0, ParameterSetName = ParameterSets.Name, ValueFromPipeline = true)]
    [SupportsWildcards]
    [ValidateNotNullOrEmpty]
    [ArgumentCompleter(typeof(ImageNameCompleter))]
    public string[] Name { get; set; } = [];

    /// <summary>Images as objects.</summary>
    [Parameter(Mandatory = true, ParameterSetName = ParameterSets.InputObject, ValueFromPipeline = true)]
    [ValidateNotNull]
    public GuestImage[] InputObject { get; set; } = [];

    /// <summary>Remove images that VMs or snapshots were made from too, and do not ask.</summary>
    [Parameter]
    public SwitchParameter Force { get; set; }

    /// <summary>Emit each image as it was.</summary>
    [Parameter]
    public SwitchParameter PassThru { get; set; }

    /// <inheritdoc/>
    protected override void ProcessRecord()
    {
        List<GuestImage> targets = ParameterSetName == ParameterSets.InputObject ? [.. InputObject] : [.. Images.ByName(Name)];
        targets.ForEach(Remove);
    }

    private void Remove(GuestImage image)
    {
        if (ShouldAct(image.Name, "Remove image", Force ? ConfirmImpact.None : ConfirmImpact.Medium)
            && TryRun(image, (_, token) => Engine.RemoveImageAsync(image.Name, Force, token))
            && PassThru)
        {
            WriteObject(image);
        }
    }
}
