namespace MicroVm.Engine;

/// <summary>A named network: its VMs reach each other, by their names too.</summary>
public sealed record NamedNetwork
{
    /// <summary>The name, as the user typed it; unique without regard to case.</summary>
    public required string Name { get; init; }

    /// <summary>What the user wrote about it, or null.</summary>
    public string? Description { get; init; }

    /// <summary>When it was made.</summary>
    public required DateTimeOffset CreatedAt { get; init; }

    /// <summary>The names of the VMs that have an interface in it, in their order.</summary>
    public IReadOnlyList<string> VMName { get; init; } = [];

    /// <inheritdoc/>
    public override string ToString() => Name;
}
