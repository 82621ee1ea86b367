namespace MicroVm.Engine.Machines;

/// <summary>What <see cref="MachineEvents.StateChanged"/> tells.</summary>
/// <param name="change">The change, or null.</param>
/// <param name="failure">Why there will be no more, or null.</param>
public sealed class MachineChangedEventArgs(MachineChange? change, Exception? failure = null) : EventArgs
{
    /// <summary>The change; null when <see cref="Failure"/> is set.</summary>
    public MachineChange? Change => change;

    /// <summary>The VM after the change.</summary>
    public VirtualMachine? VM => change?.VM;

    /// <summary>The state before; null when the VM appeared.</summary>
    public VmState? PreviousState => change?.PreviousState;

    /// <summary>Whether the VM was removed.</summary>
    public bool IsRemoved => change?.IsRemoved ?? false;

    /// <summary>Why the VMs can be watched no longer; this is the last event then. Null otherwise.</summary>
    public Exception? Failure => failure;
}
