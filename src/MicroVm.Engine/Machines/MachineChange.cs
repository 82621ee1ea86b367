namespace MicroVm.Engine.Machines;

/// <summary>A VM that appeared, changed its state or was removed.</summary>
public sealed record MachineChange
{
    /// <summary>The VM after the change; the last that was seen of it when it was removed.</summary>
    public required VirtualMachine VM { get; init; }

    /// <summary>Its id, by which other cmdlets take a change for its VM.</summary>
    public Guid VMId => VM.Id;

    /// <summary>Its name.</summary>
    public string VMName => VM.Name;

    /// <summary>The state before; null when the VM appeared.</summary>
    public VmState? PreviousState { get; init; }

    /// <summary>Whether the VM was removed.</summary>
    public bool IsRemoved { get; init; }

    /// <summary>When it was noticed.</summary>
    public required DateTimeOffset At { get; init; }

    /// <inheritdoc/>
    public override string ToString() => $"{VMName}: {(IsRemoved ? "Removed" : VM.State)}";
}
