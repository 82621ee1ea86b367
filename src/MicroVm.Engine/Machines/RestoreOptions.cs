namespace MicroVm.Engine.Machines;

/// <summary>How a snapshot is restored.</summary>
public sealed record RestoreOptions
{
    /// <summary>The name of the clone to make; null rolls the snapshot's own VM back in place.</summary>
    public string? NewName { get; init; }

    /// <summary>Leave the VM paused instead of running it.</summary>
    public bool LeaveSuspended { get; init; }
}
