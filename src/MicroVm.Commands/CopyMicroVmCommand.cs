using System.Management.Automation;
using MicroVm.Engine.Machines;

namespace MicroVm.Commands;

/// <summary>Copy-MicroVm: makes new VMs that go on where another one is now.</summary>
[Cmdlet(VerbsCommon.Copy, Nouns.MicroVm, DefaultParameterSetName = ParameterSets.Name, SupportsShouldProcess = true)]
[OutputType(typeof(VirtualMachine))]
public sealed class CopyMicroVmCommand : TargetCmdlet
{
    /// <summary>The names of the copies; without it they are called as the VM, with the suffixes -1, -2 and so on.</summary>
    [Parameter(Position = 1)]
    [ValidateNotNullOrEmpty]
    public string[]? NewName { get; set; }

    /// <summary>How many copies to make; with one new name, or none.</summary>
    [Parameter]
    [ValidateRange(1, int.MaxValue)]
    public int Count { get; set; } = 1;

    /// <summary>Do not let the copies run.</summary>
    [Parameter]
    public SwitchParameter NoStart { get; set; }

    /// <summary>Put nothing right in the guests: clock, randomness and identity stay those of the VM.</summary>
    [Parameter]
    public SwitchParameter NoFixup { get; set; }

    /// <summary>What becomes of the guests' SSH host keys; without it copies get new ones.</summary>
    [Parameter]
    public SshHostKeyPolicy? SshHostKey { get; set; }

    /// <summary>How many copies are made at a time.</summary>
    [Parameter]
    [ValidateRange(1, Limits.MaximumThrottleLimit)]
    public int ThrottleLimit { get; set; } = Limits.MakingThrottleLimit;

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
    private protected override void Process(VirtualMachine vm)
    {
        FreeNames? free = NewName is null ? new FreeNames(Engine, vm.Name) : null;
        IEnumerable<string> wanted = NewName switch
        {
            null => Enumerable.Range(0, Count).Select(_ => free!.Next()),
            [var only] when IsCounted => NumberedNames.From(only).Take(Count),
            _ => NewName,
        };
        List<string> names = [.. wanted.Where(name => ShouldProcess(name, $"Copy {vm.Name}"))];
        if (names.Count == 0 || !TryRun(vm, (observer, token) => Engine.ForkAsync(vm.Id, observer, token), out MachineFork? fork))
        {
            return;
        }

        using (fork)
        {
            CopyOptions options = new() { NoStart = NoStart, NoFixup = NoFixup, SshHostKeys = SshHostKey };
            Make(names, ThrottleLimit, (name, observer, token) =>
            {
                Task<VirtualMachine> CopyAsync(string name) => Engine.CopyAsync(fork, name, options, observer, token);
                return free is null ? CopyAsync(name) : free.UseAsync(name, CopyAsync);
            });
        }
    }
}
