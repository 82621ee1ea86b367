using MicroVm.Engine.Errors;
using MicroVm.Engine.Machines;

namespace MicroVm.Engine.Tests.Machines;

public sealed class NetworkRulesTests
{
    private static readonly NetworkInterfaceSpec s_bridge = new() { Mode = NetworkMode.Bridge, Name = "br0" };
    private static readonly NetworkInterfaceSpec s_tap = new() { Mode = NetworkMode.Tap, TapDevice = "tap0" };
    private static readonly NetworkInterfaceSpec s_nat = new();
    private static readonly NetworkInterfaceSpec s_named = new() { Mode = NetworkMode.Named, Name = "lan" };
    private static readonly NetworkInterfaceSpec s_user = new() { Mode = NetworkMode.User };

    private static readonly PublishedPort s_port = new("127.0.0.1", 8080, 80);

    [Fact]
    public void Each_mode_alone_and_bridges_beside_one_are_good()
    {
        foreach (NetworkInterfaceSpec one in (NetworkInterfaceSpec[])[s_bridge, s_tap, s_nat, s_named, s_user])
        {
            Check(one);
            Check([one, .. Enumerable.Repeat(s_bridge, 7)]);
        }
    }

    [Fact]
    public void Nine_interfaces() => AssertInvalid("at most 8 network interfaces, and 9", Enumerable.Repeat(s_bridge, 9).ToArray());

    [Fact]
    public void Two_that_are_the_same_inside()
    {
        AssertInvalid("at most one network of mode Nat, Named or User", s_nat, s_nat);
        AssertInvalid("lan and User were asked for", s_named, s_bridge, s_user);
    }

    [Fact]
    public void Names_where_they_belong()
    {
        AssertInvalid("mode Bridge needs a name", s_bridge with { Name = null });
        AssertInvalid("mode Named needs a name", s_named with { Name = null });
        AssertInvalid("mode Nat has no name", s_nat with { Name = "lan" });
        AssertInvalid("'a/b' is not a name for a network", s_named with { Name = "a/b" });
    }

    [Theory]
    [InlineData("")]
    [InlineData(".")]
    [InlineData("..")]
    [InlineData("a/b")]
    [InlineData("eth0:1")]
    [InlineData("a b")]
    [InlineData("a\u001bb")]
    [InlineData("a\u007fb")]
    [InlineData("br\u00e4")]
    [InlineData("sixteen-letters-")]
    public void Names_of_no_device(string name)
    {
        AssertInvalid("is not the name of a network device", s_bridge with { Name = name });
        AssertInvalid("is not the name of a network device", s_tap with { TapDevice = name });
    }

    [Fact]
    public void Longest_name_of_a_device() => Check(s_bridge with { Name = "fifteen-letters" });

    [Fact]
    public void Devices_and_namespaces_with_Tap_alone()
    {
        AssertInvalid("named by -TapDevice", s_tap with { TapDevice = null });
        AssertInvalid("named by -TapDevice", s_nat with { TapDevice = "tap0" });
        AssertInvalid("by -NetworkNamespace", s_bridge with { NetworkNamespace = "shop" });
        Check(s_tap with { NetworkNamespace = "shop" });
    }

    [Fact]
    public void Addresses_of_ones_own_on_bridges_and_TAP_devices_alone()
    {
        foreach (NetworkInterfaceSpec one in (NetworkInterfaceSpec[])[s_nat, s_named, s_user])
        {
            AssertInvalid("cannot be chosen", one with { MacAddress = "02:fc:00:12:34:56" });
            AssertInvalid("cannot be chosen", one with { IPAddress = "192.0.2.5/24" });
            AssertInvalid("cannot be chosen", one with { Gateway = "192.0.2.1" });
        }
    }

    [Theory]
    [InlineData("01:fc:00:12:34:56")]
    [InlineData("ff:ff:ff:ff:ff:ff")]
    [InlineData("00:00:00:00:00:00")]
    [InlineData("02-fc-00-12-34-56")]
    [InlineData("02fc00123456")]
    [InlineData("02:fc:00:12:34")]
    [InlineData("02:fc:00:12:34:5g")]
    public void Hardware_addresses_of_no_interface(string mac) => AssertInvalid("is not the hardware address of one interface", s_tap with { MacAddress = mac });

    [Theory]
    [InlineData("192.0.2.5/24")]
    [InlineData("192.0.2.5/32")]
    [InlineData("dhcp")]
    [InlineData("none")]
    public void Good_address(string address) => Check(s_bridge with { IPAddress = address, Gateway = "192.0.2.1", MacAddress = "02:FC:00:12:34:56" });

    [Theory]
    [InlineData("192.0.2.5")]
    [InlineData("192.0.2.5/0")]
    [InlineData("192.0.2.5/33")]
    [InlineData("192.0.2.5/+4")]
    [InlineData("192.0.2/24")]
    [InlineData("2001:db8::5/64")]
    [InlineData("DHCP")]
    public void Bad_address(string address) => AssertInvalid("is not an address with its prefix", s_bridge with { IPAddress = address });

    [Theory]
    [InlineData("router")]
    [InlineData("192.0.2.1/24")]
    [InlineData("2001:db8::1")]
    public void Bad_gateway(string gateway) => AssertInvalid("is not the address of a gateway", s_bridge with { Gateway = gateway });

    [Fact]
    public void Ports_where_they_can_lead_to()
    {
        foreach (NetworkInterfaceSpec one in (NetworkInterfaceSpec[])[s_nat, s_named, s_user])
        {
            NetworkRules.Check(new VirtualMachineSpec { Interfaces = [s_bridge, one], PublishedPorts = [s_port] });
        }

        AssertError(ErrorIds.NetworkNotSupported, "Port 80 cannot be published", new VirtualMachineSpec { PublishedPorts = [s_port] });
        AssertError(ErrorIds.NetworkNotSupported, "Port 80 cannot be published", new VirtualMachineSpec { Interfaces = [s_bridge, s_tap], PublishedPorts = [s_port] });
    }

    [Fact]
    public void Ports_that_cannot_be()
    {
        AssertPorts("No port can be published on ::1", s_port with { HostAddress = "::1" });
        AssertPorts("is given twice", s_port, s_port with { GuestPort = 81 });
        AssertPorts("at most 256 ports", [.. Enumerable.Range(1, 257).Select(port => s_port with { HostPort = port })]);
        NetworkRules.CheckPorts([s_port, s_port with { Protocol = PortProtocol.Udp }, s_port with { HostPort = 0 }, s_port with { HostPort = 0 }], [NetworkMode.Nat]);
    }

    [Fact]
    public void Policies_where_they_hold()
    {
        NetworkRules.CheckEgress(EgressPolicy.Default, [NetworkMode.Bridge, NetworkMode.Named]);
        AssertError(ErrorIds.NetworkNotSupported, "An egress policy needs", new VirtualMachineSpec { Interfaces = [s_user], Egress = EgressPolicy.Default });
        AssertError(
            ErrorIds.InvalidMicroVmSpec,
            "at most 256 rules",
            new VirtualMachineSpec { Interfaces = [s_nat], Egress = new EgressPolicy(EgressBase.None, [.. Enumerable.Repeat(EgressRule.TryParse("Allow 192.0.2.7")!, 257)]) });
    }

    private static void Check(params NetworkInterfaceSpec[] interfaces) => NetworkRules.Check(new VirtualMachineSpec { Interfaces = interfaces });

    private static void AssertPorts(string message, params PublishedPort[] ports) =>
        AssertError(ErrorIds.InvalidMicroVmSpec, message, new VirtualMachineSpec { Interfaces = [s_nat], PublishedPorts = ports });

    private static void AssertInvalid(string message, params NetworkInterfaceSpec[] interfaces) =>
        AssertError(ErrorIds.InvalidMicroVmSpec, message, new VirtualMachineSpec { Interfaces = interfaces });

    private static void AssertError(string id, string message, VirtualMachineSpec spec)
    {
        MicroVmException error = Assert.Throws<MicroVmException>(() => NetworkRules.Check(spec));

        Assert.Equal(id, error.ErrorId);
        Assert.Contains(message, error.Message, StringComparison.Ordinal);
        Assert.NotNull(error.RecommendedAction);
        Assert.NotNull(error.Target);
    }
}
