namespace MicroVm.Engine;

/// <summary>A network interface of a VM, as it was when this object was made.</summary>
public sealed record NetworkInterface
{
    /// <summary>How it is connected.</summary>
    public required NetworkMode Mode { get; init; }

    /// <summary>The named network or the bridge, or null.</summary>
    public string? Name { get; init; }

    /// <summary>The guest's hardware address.</summary>
    public required string MacAddress { get; init; }

    /// <summary>The address at which the VM is known on the host, and in its named network; null where nobody but the guest knows it.</summary>
    public string? IPAddress { get; init; }

    /// <summary>As <see cref="IPAddress"/>, of IPv6.</summary>
    public string? IPv6Address { get; init; }

    /// <summary>The guest's own address with its prefix, or "dhcp", or null.</summary>
    public string? GuestAddress { get; init; }

    /// <summary>The host's device at the other end while the VM runs, or null.</summary>
    public string? HostDevice { get; init; }

    /// <inheritdoc/>
    public override string ToString() => Name is null ? Mode.ToString() : Mode == NetworkMode.Named ? Name : $"{Mode} {Name}";
}
