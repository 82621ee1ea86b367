using System.Management.Automation;
using MicroVm.Commands.Completion;
using MicroVm.Engine.Storage;

namespace MicroVm.Commands;

/// <summary>Get-MicroVmImage: gets the installed images.</summary>
[Cmdlet(VerbsCommon.Get, Nouns.MicroVmImage)]
[OutputType(typeof(GuestImage))]
public sealed class GetMicroVmImageCommand : MicroVmCmdlet
{
    /// <summary>Names of images; all without it.</summary>
    [Parameter(Position = 0, ValueFromPipeline = true)]
    [SupportsWildcards]
    [ValidateNotNullOrEmpty]
    [ArgumentCompleter(typeof(ImageNameCompleter))]
    public string[]? Name { get; set; }

    /// <inheritdoc/>
    protected override void ProcessRecord()
    {
        foreach (GuestImage image in Name is null ? Images.All() : Images.ByName(Name))
        {
            WriteObject(image);
        }
    }
}
