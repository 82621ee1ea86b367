namespace MicroVm.Engine.Machines;

/// <summary>How a copy of a VM is made.</summary>
public sealed record CopyOptions
{
    /// <summary>Do not let the copy run: that of a running or paused VM stands paused, that of a stopped one stays stopped.</summary>
    public bool NoStart { get; init; }

    /// <summary>Whether the copy is removed when the process that makes it ends.</summary>
    public bool Ephemeral { get; init; }

    /// <summary>Put nothing right in the guest: its clock, randomness and identity stay those of the origin.</summary>
    public bool NoFixup { get; init; }

    /// <summary>What becomes of the guest's SSH host keys; null renews them.</summary>
    public SshHostKeyPolicy? SshHostKeys { get; init; }

    /// <summary>Ports of the host's that lead to the clone's; null for none, with a warning that names what its origin publishes.</summary>
    public IReadOnlyList<PublishedPort>? PublishedPorts { get; init; }
}
