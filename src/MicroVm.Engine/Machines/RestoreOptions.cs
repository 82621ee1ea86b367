namespace MicroVm.Engine.Machines;

/// <summary>How a snapshot is restored.</summary>
public sealed record RestoreOptions
{
    /// <summary>The name of the clone to make; null rolls the snapshot's own VM back in place.</summary>
    public string? NewName { get; init; }

    /// <summary>Remove the clone when this process ends, however it ends; only with <see cref="NewName"/>. The keeper does it.</summary>
    public bool Ephemeral { get; init; }

    /// <summary>Leave the VM paused instead of running it.</summary>
    public bool LeaveSuspended { get; init; }

    /// <summary>Put nothing right in the guest: its clock, randomness and identity stay those of the snapshot.</summary>
    public bool NoFixup { get; init; }

    /// <summary>What becomes of the guest's SSH host keys; null renews those of a clone and keeps those of a VM that is rolled back.</summary>
    public SshHostKeyPolicy? SshHostKeys { get; init; }

    /// <summary>Ports of the host's that lead to the clone's; null for none, with a warning that names what its origin publishes.</summary>
    public IReadOnlyList<PublishedPort>? PublishedPorts { get; init; }
}
