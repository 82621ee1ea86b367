namespace MicroVm.Engine.Machines;

/// <summary>A network interface that a new VM shall have. <c>null</c> means the default of its mode.</summary>
public sealed record NetworkInterfaceSpec
{
    /// <summary>How it is connected.</summary>
    public NetworkMode Mode { get; init; }

    /// <summary>The named network, or for <see cref="NetworkMode.Bridge"/> the bridge.</summary>
    public string? Name { get; init; }

    /// <summary>For <see cref="NetworkMode.Tap"/>: the network namespace of the device, by path or as "ip netns" names it; null for the host's.</summary>
    public string? NetworkNamespace { get; init; }

    /// <summary>For <see cref="NetworkMode.Tap"/>: the device, which has to be there.</summary>
    public string? TapDevice { get; init; }

    /// <summary>The guest's hardware address; null has one chosen. Slots have one of their own.</summary>
    public string? MacAddress { get; init; }

    /// <summary>The guest's address with its prefix, "192.0.2.5/24"; "dhcp", which is the default on a bridge; "none" leaves it to the guest. Slots have one of their own.</summary>
    public string? IPAddress { get; init; }

    /// <summary>The guest's gateway, or null for none.</summary>
    public string? Gateway { get; init; }

    /// <summary>The mode, and the name where there is one.</summary>
    public override string ToString() => Name is null ? Mode.ToString() : Mode == NetworkMode.Named ? Name : $"{Mode} {Name}";
}
