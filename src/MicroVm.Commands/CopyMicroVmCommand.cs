using System.Management.Automation;
using MicroVm.Commands.Completion;
using MicroVm.Engine;
using MicroVm.Engine.Machines;

namespace MicroVm.Commands;

/// <summary>Copy-MicroVm: makes new VMs that go on where another one is now.</summary>
[Cmdlet(VerbsCommon.Copy, Nouns.MicroVm, DefaultParameterSetName = ParameterSets.Name, SupportsShouldProcess = true)]
[OutputType(typeof(VirtualMachine))]
public sealed class CopyMicroVmCommand : MachineMakingCmdlet
{
    /// <summary>Names of VMs.</summary>
    [Parameter(Mandatory = true, Position = 0, ParameterSetName = ParameterSets.Name, ValueFromPipeline = true)]
    [SupportsWildcards]
    [ValidateNotNullOrEmpty]
    [ArgumentCompleter(typeof(MachineNameCompleter))]
    public string[] Name { get; set; } = [];

    /// <summary>VMs as objects.</summary>
    [Parameter(Mandatory = true, ParameterSetName = ParameterSets.VM, ValueFromPipeline = true)]
    [Alias("InputObject")]
    [ValidateNotNull]
    public VirtualMachine[] VM { get; set; } = [];

    /// <summary>Ids of VMs.</summary>
    [Parameter(Mandatory = true, ParameterSetName = ParameterSets.Id, ValueFromPipelineByPropertyName = true)]
    [Alias("VMId")]
    [IdTransformation]
    public Guid[] Id { get; set; } = [];

    /// <summary>The names of the copies; without it they are called as the VM, with the suffixes -1, -2 and so on, those left out that are taken.</summary>
    [Parameter(Position = 1)]
    [ValidateNotNullOrEmpty]
    public string[]? NewName { get; set; }

    /// <summary>How many copies to make; with one new name, or none.</summary>
    [Parameter]
    [ValidateRange(1, MaximumCount)]
    public int Count { get; set; } = 1;

    /// <summary>Do not let the copies run.</summary>
    [Parameter]
    public SwitchParameter NoStart { get; set; }

    /// <summary>Remove the copies when this pwsh ends, however it ends.</summary>
    [Parameter]
    public SwitchParameter Ephemeral { get; set; }

    /// <summary>Ports of the host's that lead to the copies'. Without it they publish none.</summary>
    [Parameter]
    [ValidateNotNull]
    [PortTransformation]
    public PublishedPort[]? Publish { get; set; }

    /// <summary>Put nothing right in the guests: clock, randomness and identity stay those of the VM.</summary>
    [Parameter]
    public SwitchParameter NoFixup { get; set; }

    /// <summary>What becomes of the guests' SSH host keys; without it copies get new ones.</summary>
    [Parameter]
    public SshHostKeyPolicy? SshHostKey { get; set; }

    /// <summary>How many copies to make at a time.</summary>
    [Parameter]
    [ValidateRange(1, Limits.MaximumThrottleLimit)]
    public int ThrottleLimit { get; set; } = DefaultThrottleLimit;

    private bool IsCounted => MyInvocation.BoundParameters.ContainsKey(nameof(Count));

    /// <inheritdoc/>
    protected override void BeginProcessing()
    {
        if (IsCounted && NewName is { Length: > 1 })
        {
            ThrowTerminatingError(ErrorRecords.InvalidCombination("-Count goes with one new name, or none."));
        }
    }

    /// <inheritdoc/>
    protected override void ProcessRecord()
    {
        List<VirtualMachine> targets = ParameterSetName switch
        {
            ParameterSets.VM => [.. VM],
            ParameterSets.Id => [.. Machines.ById(Id)],
            _ => [.. Machines.ByName(Name)],
        };
        targets.ForEach(Copy);
    }

    private void Copy(VirtualMachine vm)
    {
        List<Making> copies = [.. Copies(vm).Where(copy => ShouldProcess(copy.Name!, $"Copy {vm.Name}"))];
        if (copies.Count == 0 || !TryRun(vm, (observer, token) => Engine.ForkAsync(vm.Id, observer, token), out MachineFork? fork))
        {
            return;
        }

        using (fork)
        {
            CopyOptions options = new() { NoStart = NoStart, NoFixup = NoFixup, SshHostKeys = SshHostKey, Ephemeral = Ephemeral, PublishedPorts = Publish };
            MakeAll(
                copies,
                ThrottleLimit,
                $"Copying {vm.Name}",
                (name, observer, token) => Engine.CopyAsync(fork, name!, options, observer, token),
                (copy, _, _) => Task.FromResult(copy));
        }
    }

    private IEnumerable<Making> Copies(VirtualMachine vm)
    {
        if (NewName is not null && !IsCounted)
        {
            return NewName.Select(name => new Making(name, name, null));
        }

        NumberedNames numbers = FreeNames(NewName?[0] ?? vm.Name);
        return Enumerable.Range(0, Count).Select(_ => numbers.Next()).Select(name => new Making(name, name, numbers));
    }
}
