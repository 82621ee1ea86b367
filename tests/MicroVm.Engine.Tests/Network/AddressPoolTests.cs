using System.Net;
using MicroVm.Engine.Errors;
using MicroVm.Engine.Network;

namespace MicroVm.Engine.Tests.Network;

public sealed class AddressPoolTests
{
    [Fact]
    public void Slot_has_the_address_of_its_number()
    {
        Assert.Equal((IPAddress.Parse("198.18.128.1"), IPAddress.Parse("fd6d:6963:766e::1")), AddressPool.Default.AddressOf(1));
        Assert.Equal((IPAddress.Parse("198.18.253.0"), IPAddress.Parse("fd6d:6963:766e::7d00")), AddressPool.Default.AddressOf(32_000));
        Assert.Equal(32_000, AddressPool.Default.Capacity);
        Assert.Throws<ArgumentOutOfRangeException>(() => AddressPool.Default.AddressOf(0));
        Assert.Throws<ArgumentOutOfRangeException>(() => AddressPool.Default.AddressOf(32_001));
    }

    [Theory]
    [InlineData("10.0.0.0/24", null, 254)]
    [InlineData("10.0.0.0/30", null, 2)]
    [InlineData("10.0.0.0/8", null, 32_000)]
    [InlineData("10.0.0.0/8", "fd00::/120", 254)]
    [InlineData("0.0.0.0/0", "::/0", 32_000)]
    public void Smaller_network_says_how_many_slots_there_are(string four, string? six, int capacity)
    {
        AddressPool pool = new(IPNetwork.Parse(four), six is null ? null : IPNetwork.Parse(six));

        Assert.Equal(capacity, pool.Capacity);
        Assert.Equal(six is null, pool.AddressOf(capacity).Six is null);
    }

    [Theory]
    [InlineData("10.0.0.0/31", null)]
    [InlineData("fd00::/64", null)]
    [InlineData("10.0.0.0/24", "fd00::/127")]
    [InlineData("10.0.0.0/24", "10.0.0.0/24")]
    public void Network_that_is_no_pool_is_refused(string four, string? six)
    {
        MicroVmException error = Assert.Throws<MicroVmException>(() => new AddressPool(IPNetwork.Parse(four), six is null ? null : IPNetwork.Parse(six)));

        Assert.Equal(ErrorIds.InvalidAddressPool, error.ErrorId);
    }

    [Theory]
    [InlineData("198.18.0.0/15", "eth0", true)]
    [InlineData("198.18.255.255/32", "eth0", true)]
    [InlineData("fd6d:6963:766e::/48", "eth0", true)]
    [InlineData("198.18.128.0/17", null, true)]
    [InlineData("198.18.0.0/17", "eth0", false)]
    [InlineData("0.0.0.0/0", "eth0", false)]
    [InlineData("128.0.0.0/1", "tun0", false)]
    [InlineData("::/0", "eth0", false)]
    [InlineData("fd6d:6963:766d::/64", "eth0", false)]
    public void Route_into_the_pool_is_an_overlap(string destination, string? device, bool overlaps)
    {
        HostRoute[] routes = [new(IPNetwork.Parse(destination), device, 2)];

        if (!overlaps)
        {
            AddressPool.Default.CheckAgainst(routes);
            return;
        }

        MicroVmException error = Assert.Throws<MicroVmException>(() => AddressPool.Default.CheckAgainst(routes));
        Assert.Equal(ErrorIds.AddressPoolOverlap, error.ErrorId);
        Assert.Contains(destination, error.Message, StringComparison.Ordinal);
        Assert.Equal(device is not null, error.Message.EndsWith($"of device '{device}'.", StringComparison.Ordinal));
    }
}
