using MicroVm.Engine.State;

namespace MicroVm.Engine.Guest.Fixups;

/// <summary>A network interface of a restored guest.</summary>
/// <param name="Former">What the guest takes it for.</param>
/// <param name="Present">What it is.</param>
internal sealed record InterfaceChange(MachineInterface Former, MachineInterface Present)
{
    /// <summary>Whether the guest has to be told.</summary>
    public bool HasChanged =>
        HasOtherMac
        || Former.Address != Present.Address
        || Former.Gateway != Present.Gateway
        || Former.AddressV6 != Present.AddressV6
        || Former.GatewayV6 != Present.GatewayV6
        || !Former.NameServers.SequenceEqual(Present.NameServers);

    /// <summary>Whether it has another hardware address than the guest takes it to have.</summary>
    public bool HasOtherMac => !Former.MacAddress.Equals(Present.MacAddress, StringComparison.OrdinalIgnoreCase);

    /// <summary>Whether those it has to do with may be others now. Behind the engine's own network they are the same everywhere.</summary>
    public bool HasOtherNeighbours => Present.Mode is NetworkMode.User or NetworkMode.Bridge or NetworkMode.Tap;
}
