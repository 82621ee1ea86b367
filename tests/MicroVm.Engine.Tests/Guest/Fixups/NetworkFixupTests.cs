using MicroVm.Engine.Guest.Fixups;
using MicroVm.Engine.State;

namespace MicroVm.Engine.Tests.Guest.Fixups;

public sealed class NetworkFixupTests
{
    private static readonly MachineInterface s_slot = new()
    {
        Mode = NetworkMode.Nat,
        MacAddress = "02:FC:00:00:00:05",
        Address = "169.254.0.21/30",
        Gateway = "169.254.0.22",
        NameServers = ["169.254.0.53"],
    };

    [Fact]
    public void Slots_are_the_same_everywhere() =>
        Assert.Equal("", NetworkFixup.Order([new InterfaceChange(s_slot, s_slot with { MacAddress = "02:fc:00:00:00:05", NameServers = ["169.254.0.53"] })]));

    [Fact]
    public void Others_have_other_neighbours()
    {
        MachineInterface bridged = s_slot with { Mode = NetworkMode.Bridge };
        Assert.Equal(
            "renew 02:fc:00:00:00:05 02:fc:00:00:00:05 169.254.0.21/30 169.254.0.22 - - 169.254.0.53\n", NetworkFixup.Order([new InterfaceChange(bridged, bridged)]));
    }

    [Fact]
    public void What_has_changed_is_set()
    {
        MachineInterface present = new() { Mode = NetworkMode.Bridge, MacAddress = "02:fc:00:00:00:AA", Address = "dhcp", AddressV6 = "fd00::2/64", GatewayV6 = "fd00::1" };
        Assert.Equal(
            "set 02:fc:00:00:00:05 02:fc:00:00:00:aa dhcp - fd00::2/64 fd00::1\n", NetworkFixup.Order([new InterfaceChange(s_slot, s_slot), new InterfaceChange(s_slot, present)]));
    }
}
