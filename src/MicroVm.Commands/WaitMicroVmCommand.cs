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

    /// <summary>The TCP port in the guest, for the condition Port.</summary>
    [Parameter]
    [ValidateRange(1, 65535)]
    public int Port { get; set; }

    /// <summary>The limit of the wait for each VM.</summary>
    [Parameter]
    [ValidateRange(0, Limits.MaximumTimeoutSeconds)]
    public int TimeoutSeconds { get; set; } = Limits.ReadyTimeoutSeconds;

    private bool WaitsForState => IsBound(nameof(State));

    /// <inheritdoc/>
    protected override void BeginProcessing()
    {
        if (WaitsForState && IsBound(nameof(For)))
        {
            ThrowTerminatingError(ErrorRecords.InvalidCombination("-For and -State exclude each other."));
        }

        if (IsBound(nameof(Port)) != (For == WaitCondition.Port))
        {
            ThrowTerminatingError(ErrorRecords.InvalidCombination("-Port goes with -For Port, and that with -Port."));
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
        if (WaitsForState)
        {
            return Engine.WaitStateAsync(id, State, timeout, observer, cancellationToken);
        }

        return For switch
        {
            WaitCondition.Agent => Engine.WaitAgentAsync(id, timeout, observer, cancellationToken),
            WaitCondition.Network => Engine.WaitNetworkAsync(id, timeout, observer, cancellationToken),
            WaitCondition.Port => Engine.WaitPortAsync(id, Port, timeout, observer, cancellationToken),
            WaitCondition.Exit => Engine.WaitExitAsync(id, timeout, observer, cancellationToken),
            _ => Engine.WaitReadyAsync(id, timeout, observer, cancellationToken),
        };
    }

    private bool IsBound(string parameter) => MyInvocation.BoundParameters.ContainsKey(parameter);
}
