namespace MicroVm.Commands;

/// <summary>The parameters of a cmdlet that say details of one network interface.</summary>
public interface IInterfaceParameters
{
    /// <summary>The bridge of the host's to join.</summary>
    string? BridgeName { get; }

    /// <summary>The TAP device to use, which has to be there.</summary>
    string? TapDevice { get; }

    /// <summary>The network namespace the TAP device is in, by path or as "ip netns" names it.</summary>
    string? NetworkNamespace { get; }

    /// <summary>The guest's hardware address, on a bridge or a TAP device.</summary>
    string? MacAddress { get; }

    /// <summary>The guest's address on a bridge or a TAP device: with its prefix, or dhcp, or none.</summary>
    string? IPAddress { get; }

    /// <summary>The guest's gateway on a bridge or a TAP device.</summary>
    string? Gateway { get; }
}
