using System.Management.Automation;
using MicroVm.Commands.Completion;
using MicroVm.Engine.Storage;

namespace MicroVm.Commands;

/// <summary>Install-MicroVmImage: makes and installs images that the engine knows how to make.</summary>
[Cmdlet(VerbsLifecycle.Install, Nouns.MicroVmImage, SupportsShouldProcess = true)]
[OutputType(typeof(GuestImage))]
public sealed class InstallMicroVmImageCommand : MicroVmCmdlet
{
    /// <summary>Names of images.</summary>
    [Parameter(Mandatory = true, Position = 0, ValueFromPipeline = true)]
    [ValidateNotNullOrEmpty]
    [ArgumentCompleter(typeof(InstallableImageCompleter))]
    public string[] Name { get; set; } = [];

    /// <summary>Replace an installed image, and do not ask.</summary>
    [Parameter]
    public SwitchParameter Force { get; set; }

    /// <inheritdoc/>
    protected override void ProcessRecord()
    {
        foreach (string name in Name)
        {
            if (ShouldAct(name, "Install image", Force ? ConfirmImpact.None : ConfirmImpact.Medium)
                && TryRun(name, (observer, token) => Engine.InstallImageAsync(name, Force, observer, token), out GuestImage? image))
            {
                WriteObject(image);
            }
        }
    }
}
