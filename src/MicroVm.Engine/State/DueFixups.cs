namespace MicroVm.Engine.State;

/// <summary>What a restored guest still needs once its vCPUs run.</summary>
internal sealed record DueFixups
{
    /// <summary>Whether its workload was frozen when the snapshot was taken, and so is now.</summary>
    public bool WorkloadFrozen { get; init; }

    /// <summary>Whether an agent answered when the snapshot was taken; null when nobody asked.</summary>
    public bool? AgentAnswered { get; init; }

    /// <summary>Whether the guest has to learn that it is another VM.</summary>
    public bool NewIdentity { get; init; }

    /// <summary>Whether its SSH host keys are to be made anew.</summary>
    public bool RenewSshHostKeys { get; init; }

    /// <summary>What the guest takes its network interfaces for, in their order.</summary>
    public IReadOnlyList<MachineInterface> FormerInterfaces { get; init; } = [];

    /// <summary>Whether nothing is wanted but that a frozen workload goes on.</summary>
    public bool ThawOnly { get; init; }
}
