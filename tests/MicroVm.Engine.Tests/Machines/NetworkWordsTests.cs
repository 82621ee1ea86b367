using MicroVm.Engine.Machines;
using MicroVm.Engine.State;

namespace MicroVm.Engine.Tests.Machines;

public sealed class NetworkWordsTests
{
    private static readonly MachineInterface s_four = new()
    {
        Mode = NetworkMode.Nat,
        MacAddress = "02:fc:00:00:00:05",
        Address = "169.254.0.21/30",
        Gateway = "169.254.0.22",
        NameServers = ["169.254.0.53", "169.254.0.54", "169.254.0.55"],
    };

    private static readonly MachineInterface s_both = s_four with { AddressV6 = "fd6d:6963:766d::15/64", GatewayV6 = "fd6d:6963:766d::16" };

    [Fact]
    public void No_interface_no_words() => Assert.Empty(KernelLine.Network([]));

    [Fact]
    public void One_interface_is_one_word_and_a_third_server_another() => AssertWords(
        "net.ifnames=0 nameserver=169.254.0.55 ip=169.254.0.21::169.254.0.22:255.255.255.252:web:eth0:off:169.254.0.53:169.254.0.54", KernelLine.Network([s_four], "web"));

    [Fact]
    public void Kernel_reads_the_last_word_which_leaves_nothing_of_the_others() => AssertWords(
        "net.ifnames=0 nameserver=169.254.0.55"
        + " ip=10.0.0.2:::255.255.255.0::eth1:off"
        + " ip=[fd6d:6963:766d::15]::[fd6d:6963:766d::16]:64::eth0:off"
        + " ip=169.254.0.21:0.0.0.0:169.254.0.22:255.255.255.252::eth0:off:169.254.0.53:169.254.0.54",
        KernelLine.Network([s_both, s_four with { Address = "10.0.0.2/24", Gateway = null }]));

    [Fact]
    public void Empty_fields_are_said_to_be_empty() => AssertWords(
        "net.ifnames=0 ip=::::web:eth1:dhcp ip=10.0.0.2:0.0.0.0:0.0.0.0:255.255.255.255:web:eth0:off:0.0.0.0:0.0.0.0",
        KernelLine.Network([s_four with { Address = "10.0.0.2", Gateway = null, NameServers = [] }, s_four with { Address = "dhcp", Gateway = null, NameServers = [] }], "web"));

    [Fact]
    public void Dhcp_alone() => AssertWords(
        "net.ifnames=0 ip=:::::eth0:dhcp", KernelLine.Network([s_four with { Address = "dhcp", Gateway = null, NameServers = [] }]));

    [Fact]
    public void Kernel_makes_nothing_of_IPv6_alone() => AssertWords(
        "net.ifnames=0 nameserver=fd00::53 ip=[fd6d:6963:766d::15]::[fd6d:6963:766d::16]:64::eth0:off ip=off",
        KernelLine.Network([s_both with { Address = null, Gateway = null, NameServers = ["fd00::53"] }]));

    [Fact]
    public void Interface_without_addresses_is_not_mentioned() => AssertWords(
        "net.ifnames=0", KernelLine.Network([s_four with { Address = null, Gateway = null, NameServers = [] }]));

    private static void AssertWords(string expected, IReadOnlyList<string> words) => Assert.Equal(expected, string.Join(' ', words));
}
