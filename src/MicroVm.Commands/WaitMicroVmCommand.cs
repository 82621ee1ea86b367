using System.Management.Automation;
using MicroVm.Engine;
using MicroVm.Engine.Machines;

namespace MicroVm.Commands;

/// <summary>Wait-MicroVm: waits until guests are ready, or VMs are in a state, and emits them.</summary>
[Cmdlet(VerbsLifecycle.Wait, Nouns.MicroVm, DefaultParameterSetName = ParameterSets.Name)]
[OutputType(typeof(VirtualMachine))]
public sealed class WaitMicroVmCommand : TargetCmdlet
{
    /// <summary>What to wait for.</summary>
    [Parameter]
    public WaitCondition For { get; set; } = WaitCondition.Ready;

    /// <summary>The state to wait for, instead of a condition.</summary>
    [Parameter]
    public VmState State { get; set; }

    /// <summary>The limit of the wait for each VM.</summary>
    [Parameter]
    [ValidateRange(0, Limits.MaximumTimeoutSeconds)]
    public int TimeoutSeconds { get; set; } = Limits.ReadyTimeoutSeconds;

    private bool WaitsForState => MyInvocation.BoundParameters.ContainsKey(nameof(State));

    /// <inheritdoc/>
    protected override void BeginProcessing()
    {
        if (WaitsForState && MyInvocation.BoundParameters.ContainsKey(nameof(For)))
        {
            ThrowTerminatingError(ErrorRecords.InvalidCombination("-For and -State exclude each other."));
        }
    }

    private protected override void Process(VirtualMachine vm)
    {
        if (TryRun(vm, (observer, token) => WaitAsync(vm.Id, observer, token), out VirtualMachine? reached))
        {
            WriteObject(reached);
        }
    }

    private Task<VirtualMachine> WaitAsync(Guid id, IOperationObserver observer, CancellationToken cancellationToken)
    {
        TimeSpan timeout = TimeSpan.FromSeconds(TimeoutSeconds);
        return WaitsForState
            ? Engine.WaitStateAsync(id, State, timeout, observer, cancellationToken)
            : Engine.WaitReadyAsync(id, timeout, observer, cancellationToken);
    }
}
