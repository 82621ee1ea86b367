using System.Net.Sockets;
using MicroVm.Engine.Errors;
using MicroVm.Engine.Machines;

namespace MicroVm.Engine.Tests.Machines;

public sealed class PoolRulesTests
{
    [Theory]
    [InlineData("169.254.0.0/24")]
    [InlineData("169.0.0.0/8")]
    [InlineData("127.0.0.0/16")]
    [InlineData("224.0.0.0/8")]
    [InlineData("255.255.255.252/30")]
    [InlineData("10.0.0.0/31")]
    [InlineData("fd00::/64")]
    public void Pool_is_of_addresses_that_hosts_can_have(string pool) =>
        Assert.Equal(ErrorIds.InvalidAddressPool, Assert.Throws<MicroVmException>(() => NetworkRules.CheckPool(pool, AddressFamily.InterNetwork, 30)).ErrorId);

    [Theory]
    [InlineData("fd6d:6963:766d::/64")]
    [InlineData("fe80::/64")]
    [InlineData("ff05::/64")]
    [InlineData("10.0.0.0/24")]
    public void Pool_of_IPv6_is_of_addresses_that_hosts_can_have(string pool) =>
        Assert.Equal(ErrorIds.InvalidAddressPool, Assert.Throws<MicroVmException>(() => NetworkRules.CheckPool(pool, AddressFamily.InterNetworkV6, 96)).ErrorId);

    [Fact]
    public void Pools_that_are_there_by_default_are_pools()
    {
        Assert.Equal("198.18.128.0/17", NetworkRules.CheckPool("198.18.128.0/17", AddressFamily.InterNetwork, 30).ToString());
        Assert.Equal("fd6d:6963:766e::/64", NetworkRules.CheckPool("fd6d:6963:766e::/64", AddressFamily.InterNetworkV6, 96).ToString());
    }

    [Theory]
    [InlineData("224.0.0.1:8080:80")]
    [InlineData("255.255.255.255:8080:80")]
    [InlineData("[ff02::1]:8080:80")]
    [InlineData("[::1]:8080:80")]
    public void Ports_are_not_published_where_nothing_can_arrive(string port) =>
        Assert.Equal(
            ErrorIds.InvalidMicroVmSpec,
            Assert.Throws<MicroVmException>(() => NetworkRules.CheckPorts([PublishedPort.TryParse(port)!], [NetworkMode.Nat])).ErrorId);
}
