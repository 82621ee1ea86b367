namespace MicroVm.Engine.Machines;

/// <summary>What is to be changed of a VM. <c>null</c> leaves it as it is.</summary>
public sealed record MachineUpdate
{
    /// <summary>What the user writes about it; empty for nothing.</summary>
    public string? Description { get; init; }

    /// <summary>The tags it shall have instead of those it has; empty for none.</summary>
    public IReadOnlyDictionary<string, string>? Tags { get; init; }

    /// <summary>Where the guest may go from now on.</summary>
    public EgressPolicy? Egress { get; init; }
}
