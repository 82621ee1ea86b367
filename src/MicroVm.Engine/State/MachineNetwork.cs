namespace MicroVm.Engine.State;

/// <summary>What the host keeps for a VM's network, as long as there is the VM.</summary>
internal sealed record MachineNetwork
{
    /// <summary>The slot of each interface, in their order; null for one that has none.</summary>
    public IReadOnlyList<int?> Slots { get; init; } = [];

    /// <summary>The host's ports that lead to the guest's.</summary>
    public IReadOnlyList<PublishedPort> PublishedPorts { get; init; } = [];

    /// <summary>Where the guest may go.</summary>
    public EgressPolicy Egress { get; init; } = EgressPolicy.Default;
}
