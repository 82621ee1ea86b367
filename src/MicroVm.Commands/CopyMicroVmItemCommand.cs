using System.Management.Automation;
using MicroVm.Engine;
using MicroVm.Engine.Guest.Files;
using MicroVm.Engine.Machines;

namespace MicroVm.Commands;

/// <summary>Copy-MicroVmItem: copies files and directories between the host and guests.</summary>
[Cmdlet(VerbsCommon.Copy, Nouns.MicroVmItem, DefaultParameterSetName = ParameterSets.Name, SupportsShouldProcess = true)]
[OutputType(typeof(GuestCopyResult))]
public sealed class CopyMicroVmItemCommand : TargetCmdlet
{
    // Where their files go on the host depends on whether there are several.
    private readonly List<VirtualMachine> origins = [];

    /// <summary>What to copy: paths of the host, with wildcards, or literal paths of the guest.</summary>
    [Parameter(Position = 1)]
    [SupportsWildcards]
    [ValidateNotNullOrEmpty]
    public string[] Path { get; set; } = [];

    /// <summary>What to copy: paths in which no character is a wildcard.</summary>
    [Parameter]
    [ValidateNotNullOrEmpty]
    public string[] LiteralPath { get; set; } = [];

    /// <summary>Where it goes, on the other side.</summary>
    [Parameter(Mandatory = true, Position = 2)]
    [ValidateNotNullOrEmpty]
    public string Destination { get; set; } = string.Empty;

    /// <summary>Copy from the guests to the host.</summary>
    [Parameter]
    public SwitchParameter FromGuest { get; set; }

    /// <summary>Copy directories with all that is in them.</summary>
    [Parameter]
    public SwitchParameter Recurse { get; set; }

    /// <summary>Replace files that are read-only, too.</summary>
    [Parameter]
    public SwitchParameter Force { get; set; }

    /// <summary>Say what was copied.</summary>
    [Parameter]
    public SwitchParameter PassThru { get; set; }

    /// <inheritdoc/>
    protected override void BeginProcessing()
    {
        if (Path.Length == 0 == (LiteralPath.Length == 0))
        {
            ThrowTerminatingError(ErrorRecords.InvalidCombination("Say what to copy: with -Path or with -LiteralPath."));
        }
    }

    /// <inheritdoc/>
    protected override void EndProcessing()
    {
        string destination = FromGuest ? FilePath.ResolveDirectory(this, Destination) : Destination;
        foreach (VirtualMachine vm in origins)
        {
            // Side by side, for they have the same names.
            CopyAll(vm, [.. Path, .. LiteralPath], origins.Count > 1 ? $"{destination.TrimEnd('/')}/{vm.Name}/" : destination);
        }
    }

    private protected override void Process(VirtualMachine vm)
    {
        if (!FromGuest)
        {
            CopyAll(vm, HostPaths(), Destination);
        }
        else if (origins.TrueForAll(known => known.Id != vm.Id))
        {
            origins.Add(vm);
        }
    }

    private List<string> HostPaths()
    {
        List<string> paths = [.. LiteralPath.Select(path => FilePath.Resolve(this, path)!)];
        foreach (string path in Path)
        {
            paths.AddRange(Guard(() => FilePath.Expand(this, path), path));
        }

        return paths;
    }

    private void CopyAll(VirtualMachine vm, List<string> sources, string destination)
    {
        // Several have to go into a directory, and a slash at its end says so.
        string place = sources.Count > 1 || Path.Length + LiteralPath.Length > 1 ? destination.TrimEnd('/') + "/" : destination;
        foreach (string source in sources)
        {
            GuestCopy copy = new() { Source = source, Destination = place, Recurse = Recurse, Force = Force };
            string action = FromGuest ? $"Copy {source} from the guest to {place}" : $"Copy {source} to {place} in the guest";
            if (ShouldAct(vm.Name, action, Force ? ConfirmImpact.None : ConfirmImpact.Medium)
                && TryRun(vm, (observer, token) => CopyAsync(vm, copy, observer, token), out GuestCopyResult? result)
                && PassThru)
            {
                WriteObject(result);
            }
        }
    }

    private Task<GuestCopyResult> CopyAsync(VirtualMachine vm, GuestCopy copy, IOperationObserver observer, CancellationToken cancellationToken) => FromGuest
        ? Engine.CopyFromGuestAsync(vm.Id, copy, observer, cancellationToken)
        : Engine.CopyToGuestAsync(vm.Id, copy, observer, cancellationToken);
}
