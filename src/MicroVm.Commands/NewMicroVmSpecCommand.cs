using System.Management.Automation;
using MicroVm.Engine;
using MicroVm.Engine.Errors;
using MicroVm.Engine.Machines;

namespace MicroVm.Commands;

/// <summary>New-MicroVmSpec: describes a VM, as an object and as a file.</summary>
[Cmdlet(
    VerbsCommon.New,
    Nouns.MicroVmSpec,
    DefaultParameterSetName = ParameterSets.Image,
    SupportsShouldProcess = true,
    ConfirmImpact = ConfirmImpact.Low)]
[OutputType(typeof(VirtualMachineSpec))]
public sealed class NewMicroVmSpecCommand : MachineSpecCmdlet
{
    /// <summary>The name of the VM.</summary>
    [Parameter(Position = 0)]
    [ValidateNotNullOrEmpty]
    public string? Name { get; set; }

    /// <summary>A JSON file to write the description to.</summary>
    [Parameter]
    [ValidateNotNullOrEmpty]
    public string? Path { get; set; }

    /// <summary>Replace a file that is there.</summary>
    [Parameter]
    public SwitchParameter Force { get; set; }

    /// <inheritdoc/>
    protected override void ProcessRecord()
    {
        if (!TryDescribe(out VirtualMachineSpec? spec))
        {
            return;
        }

        spec = spec with { Name = Name ?? spec.Name };
        if (FilePath.Resolve(this, Path) is not { } path)
        {
            WriteObject(spec);
        }
        else if (ShouldProcess(path, "Write description") && TryRun(path, (_, _) => WriteAsync(spec, path)))
        {
            WriteObject(spec);
        }
    }

    private Task WriteAsync(VirtualMachineSpec spec, string path)
    {
        if (!Force && File.Exists(path))
        {
            throw new MicroVmException(ErrorIds.FileAlreadyExists, ErrorKind.AlreadyExists, $"'{path}' already exists.")
            {
                Target = path,
                RecommendedAction = "Use -Force to replace it.",
            };
        }

        MicroVmEngine.WriteSpec(spec, path);
        return Task.CompletedTask;
    }
}
