namespace MicroVm.Engine.Machines;

/// <summary>One thing that was put right in the guest of a running VM. Plain values only.</summary>
public sealed record MachineFixup
{
    /// <summary>The VM's name.</summary>
    public required string VMName { get; init; }

    /// <summary>The VM's id.</summary>
    public required Guid VMId { get; init; }

    /// <summary>What it is, one of the names in <see cref="GuestFixup"/>.</summary>
    public required string Name { get; init; }

    /// <summary>What became of it.</summary>
    public required FixupResult Result { get; init; }

    /// <summary>How long it took, as the host sees it.</summary>
    public TimeSpan Duration { get; init; }

    /// <summary>How far the guest's clock was ahead of the host's (negative: behind); null where it is not about the clock.</summary>
    public TimeSpan? OffsetBefore { get; init; }

    /// <summary>How far the guest's clock is ahead of the host's now, to within the time a question takes; null where it is not about the clock.</summary>
    public TimeSpan? OffsetAfter { get; init; }

    /// <summary>What was found and done.</summary>
    public required string Detail { get; init; }

    /// <inheritdoc/>
    public override string ToString() => $"{VMName}: {Name}: {Result}";
}
