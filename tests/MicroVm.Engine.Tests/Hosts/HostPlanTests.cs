using MicroVm.Engine.Errors;
using MicroVm.Engine.Hosts;
using MicroVm.Engine.Machines;
using MicroVm.Engine.State;
using MicroVm.Engine.Tests.State;
using MicroVm.Engine.Tests.Support;

namespace MicroVm.Engine.Tests.Hosts;

public sealed class HostPlanTests : IDisposable
{
    private const string Pool = "100.127.16.0/24";

    private readonly Scratch _scratch = new();
    private readonly EngineContext _context;

    public HostPlanTests() => _context = new EngineContext(_scratch.Paths);

    public void Dispose() => _scratch.Dispose();

    [Fact]
    public void What_is_given_is_set_and_the_rest_stays()
    {
        HostPlan.Set(_context, new HostUpdate { SpareSlots = 3 });

        MicroVmHost host = HostPlan.Set(_context, new HostUpdate { AddressPool = Pool });

        Assert.Equal((Pool, "fd6d:6963:766e::/64", 254, 0, 3), (host.AddressPool, host.IPv6AddressPool, host.AddressCount, host.AddressesInUse, host.SpareSlots));
        Assert.Equal(host, HostPlan.Get(new EngineContext(_scratch.Paths)));
    }

    [Fact]
    public void Empty_text_takes_IPv6_away()
    {
        Assert.Null(HostPlan.Set(_context, new HostUpdate { IPv6AddressPool = "" }).IPv6AddressPool);
        Assert.Null(HostPlan.Get(_context).IPv6AddressPool);
    }

    [Theory]
    [InlineData("here", null)]
    [InlineData("100.127.16.0/31", null)]
    [InlineData("100.127.16.0/33", null)]
    [InlineData("fd12:3456:789a::/64", null)]
    [InlineData("", null)]
    [InlineData(null, "100.127.16.0/24")]
    [InlineData(null, "fd12:3456:789a::/97")]
    public void What_is_no_pool_is_refused(string? four, string? six)
    {
        MicroVmException error = Assert.Throws<MicroVmException>(() => HostPlan.Set(_context, new HostUpdate { AddressPool = four, IPv6AddressPool = six }));

        Assert.Equal(ErrorIds.InvalidAddressPool, error.ErrorId);
        Assert.Equal(four ?? six, error.Target);
        Assert.False(File.Exists(_scratch.Paths.HostSettingsFile));
    }

    [Fact]
    public void Pool_stays_as_long_as_VMs_have_addresses_of_it()
    {
        Guid id = Guid.NewGuid();
        Directory.CreateDirectory(_context.Machines.DirectoryOf(id));
        int slot = _context.Slots.Claim(id, 100);
        _context.Machines.Write(Records.Stopped(id) with { Network = new MachineNetwork { Slots = [slot] } });
        Assert.Equal(1, HostPlan.Get(_context).AddressesInUse);

        MicroVmException error = Assert.Throws<MicroVmException>(() => HostPlan.Set(_context, new HostUpdate { AddressPool = Pool }));

        Assert.Equal(ErrorIds.NetworkInUse, error.ErrorId);
        Assert.Contains("web", error.Message, StringComparison.Ordinal);
        Assert.Equal(5, HostPlan.Set(_context, new HostUpdate { AddressPool = "198.18.128.0/17", SpareSlots = 5 }).SpareSlots);
    }
}
