namespace MicroVm.Engine.Hosts;

/// <summary>What VMs are given of the host, and how much of it is used.</summary>
public sealed record MicroVmHost
{
    /// <summary>The addresses VMs with a network of mode Nat, or a named one, are given.</summary>
    public required string AddressPool { get; init; }

    /// <summary>Their IPv6 addresses, or null for none.</summary>
    public string? IPv6AddressPool { get; init; }

    /// <summary>How many VMs the pools are enough for.</summary>
    public required int AddressCount { get; init; }

    /// <summary>How many of the addresses are taken.</summary>
    public required int AddressesInUse { get; init; }

    /// <summary>How many network links are kept ready.</summary>
    public required int SpareSlots { get; init; }

    /// <summary>How many of these are ready now.</summary>
    public required int SpareSlotsReady { get; init; }
}
