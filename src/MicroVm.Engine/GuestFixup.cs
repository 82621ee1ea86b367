namespace MicroVm.Engine;

/// <summary>One thing that was put right in a guest after its restore. Plain values only.</summary>
public sealed record GuestFixup
{
    /// <summary>The kernel's random numbers: the host's bytes mixed in, and a reseed forced.</summary>
    public const string Entropy = nameof(Entropy);

    /// <summary>The guest's clock, set to the host's.</summary>
    public const string Clock = nameof(Clock);

    /// <summary>The host name, set to the one that was chosen for the VM, or to the VM's name.</summary>
    public const string HostName = nameof(HostName);

    /// <summary>The machine id (machine-id(5)), set to the VM's id.</summary>
    public const string MachineId = nameof(MachineId);

    /// <summary>The SSH host keys, made anew.</summary>
    public const string SshHostKeys = nameof(SshHostKeys);

    /// <summary>The network, told where the guest is now.</summary>
    public const string Network = nameof(Network);

    /// <summary>What it is, one of the constants of this type.</summary>
    public required string Name { get; init; }

    /// <summary>What became of it.</summary>
    public required FixupResult Result { get; init; }

    /// <summary>How long it took, as the host sees it.</summary>
    public TimeSpan Duration { get; init; }

    /// <summary>What was found and done, or why not.</summary>
    public required string Detail { get; init; }

    /// <inheritdoc/>
    public override string ToString() => $"{Name}: {Result}";
}
