namespace MicroVm.Engine.State;

/// <summary>A network interface as the guest has it; part of the machine, so a clone has it too. What the host has for it is the VM's own: <see cref="MachineNetwork"/>.</summary>
internal sealed record MachineInterface
{
    /// <summary>How it is connected.</summary>
    public required NetworkMode Mode { get; init; }

    /// <summary>The named network, or the bridge; null where the mode needs none.</summary>
    public string? Name { get; init; }

    /// <summary>For <see cref="NetworkMode.Tap"/>: the network namespace the device is in, a path; null for the host's.</summary>
    public string? NetworkNamespace { get; init; }

    /// <summary>For <see cref="NetworkMode.Tap"/>: the device.</summary>
    public string? TapDevice { get; init; }

    /// <summary>Which of the machine's <see cref="MachineHardware.HotPlugPorts"/> it is plugged into, from 0; null in a machine without.</summary>
    public int? Port { get; init; }

    /// <summary>The guest's hardware address, such as "02:fc:00:00:00:05".</summary>
    public required string MacAddress { get; init; }

    /// <summary>The guest's IPv4 address with its prefix, such as "169.254.0.21/30"; "dhcp"; null for none.</summary>
    public string? Address { get; init; }

    /// <summary>The guest's IPv4 gateway, or null.</summary>
    public string? Gateway { get; init; }

    /// <summary>The guest's IPv6 address with its prefix, or null.</summary>
    public string? AddressV6 { get; init; }

    /// <summary>The guest's IPv6 gateway, or null.</summary>
    public string? GatewayV6 { get; init; }

    /// <summary>The name servers the guest is told of.</summary>
    public IReadOnlyList<string> NameServers { get; init; } = [];
}
