using System.Diagnostics;
using MicroVm.Engine.Errors;
using MicroVm.Engine.Hosts;
using MicroVm.Engine.Machines;
using MicroVm.Engine.Native;
using MicroVm.Engine.Network;
using MicroVm.Engine.State;
using MicroVm.Engine.Tests.RealQemu;
using MicroVm.Engine.Tests.Support;

namespace MicroVm.Engine.Tests.Faults;

/// <summary>Hosts that are not as VMs need them, and what a kill leaves of networks that are no slots.</summary>
public sealed class NetworkFaultTests : IDisposable
{
    private readonly Scratch _scratch = new();
    private readonly TestNetwork? _network;
    private readonly EngineContext _context;
    private readonly MicroVmEngine _engine;

    public NetworkFaultTests()
    {
        _network = new GuestNetworkFactAttribute().Skip is null ? new TestNetwork() : null;
        _context = new EngineContext(_scratch.Paths, hostNetwork: _network?.Host.Network);
        _engine = new MicroVmEngine(_context);
        HaltingKernel.Write(FaultVerbs.KernelIn(_scratch.Path));
    }

    public void Dispose()
    {
        _scratch.Dispose();
        _network?.Dispose();
    }

    [GuestNetworkTheory]
    [InlineData("create-user", Failpoints.LinksRaised)]
    [InlineData("create-user", Failpoints.LaunchSpawned)]
    [InlineData("create-user", Failpoints.LaunchConnected)]
    [InlineData("create-bridge", Failpoints.LinksRaised)]
    [InlineData("create-bridge", Failpoints.LaunchSpawned)]
    [InlineData("create-bridge", Failpoints.LaunchConnected)]
    public async Task Kill_leaves_nothing_that_repair_does_not_find(string verb, string point)
    {
        if (verb == "create-user" && ProgramFinder.Find("passt") is null)
        {
            return;
        }

        _network!.Host.Run("ip", "link", "add", FaultVerbs.Bridge, "type", "bridge");
        using (Process other = OtherEngine.Start("fault", _scratch.Path, _network.Host.Path, verb, Guid.Empty.ToString(), point))
        {
            await other.WaitForExitAsync().Within("the other process to die");
            Assert.Equal(128 + Signals.Kill, other.ExitCode);
        }

        Assert.True(SpinWait.SpinUntil(() => Devices().Length <= Scratch.ProgramsOf(_scratch.Path).Count, Limits.Generous));
        for (int round = 0; round < 2; round++)
        {
            foreach (RepairAction found in _engine.FindRepairs())
            {
                RepairAction done = await _engine.RepairAsync(found, NullObserver.Instance, CancellationToken.None);
                Assert.True(done.Result is RepairResult.Done or RepairResult.Gone, $"{done}");
            }

            // A device goes with its VMM, and what is known of it can be forgotten only then.
            Assert.True(SpinWait.SpinUntil(() => Devices().Length == 0, Limits.Generous), $"Devices are left: {string.Join(", ", Devices())}");
        }

        Assert.Empty(_engine.FindRepairs());
        Assert.Empty(_engine.GetMachines());
        Assert.Empty(BridgePort.Known(_network.Host.Network));
        Assert.Empty(_context.Ports.All());
        Assert.Empty(Scratch.ProgramsOf(_scratch.Path));
        Assert.True(SpinWait.SpinUntil(() => _network.Host.Count("passt") == 0, Limits.Generous), "passt outlived its VMM.");
    }

    [GuestNetworkFact]
    public async Task Pool_that_somebody_else_uses_is_refused_by_name()
    {
        _network!.Host.Run("ip", "link", "add", "vpn0", "type", "bridge");
        _network.Host.Run("ip", "address", "add", "10.213.5.1/24", "dev", "vpn0");
        _network.Host.Run("ip", "address", "add", "198.18.130.1/24", "dev", "vpn0");
        _network.Host.Run("ip", "link", "set", "vpn0", "up");

        MicroVmException refused = await Assert.ThrowsAsync<MicroVmException>(
            () => _engine.SetHostAsync(new HostUpdate { AddressPool = "10.213.0.0/17" }, NullObserver.Instance, CancellationToken.None));
        Assert.Equal(ErrorIds.AddressPoolOverlap, refused.ErrorId);
        Assert.Contains("vpn0", refused.Message, StringComparison.Ordinal);

        // The one that was there before the first VM, too.
        refused = await Assert.ThrowsAsync<MicroVmException>(CreateAsync);
        Assert.Equal(ErrorIds.AddressPoolOverlap, refused.ErrorId);
        Assert.Contains("198.18.130.0/24", refused.Message, StringComparison.Ordinal);
        Assert.Empty(_engine.GetMachines());
        Assert.Empty(_context.Slots.All());
        Assert.True(SpinWait.SpinUntil(() => Devices().Length == 0, Limits.Generous));

        // With another one it goes.
        await _engine.SetHostAsync(new HostUpdate { AddressPool = "10.214.0.0/17" }, NullObserver.Instance, CancellationToken.None);
        VirtualMachine made = await CreateAsync();
        Assert.StartsWith("10.214.", made.IPAddress, StringComparison.Ordinal);
        await _engine.RemoveAsync(made.Id, force: true, NullObserver.Instance, CancellationToken.None);
    }

    [GuestNetworkFact]
    public async Task Host_without_a_way_out_has_VMs_all_the_same()
    {
        _network!.Host.Run("ip", "link", "set", TestNetwork.Uplink, "down");
        VirtualMachine made = await CreateAsync();
        Assert.Equal(VmState.Running, made.State);
        Assert.Null(made.NetworkInterfaces[0].IPv6Address);
        await _engine.RemoveAsync(made.Id, force: true, NullObserver.Instance, CancellationToken.None);

        if (ProgramFinder.Find("passt") is not null)
        {
            MicroVmException none = await Assert.ThrowsAsync<MicroVmException>(
                () => FaultVerbs.RunAsync(_engine, "create-user", Guid.Empty, _scratch.Path, NullObserver.Instance, CancellationToken.None));
            Assert.Equal(ErrorIds.NoDefaultRoute, none.ErrorId);
        }

        Assert.Empty(_engine.GetMachines());
    }

    [GuestNetworkFact]
    public async Task Host_whose_every_address_is_taken_says_so()
    {
        await _engine.SetHostAsync(new HostUpdate { AddressPool = "10.214.0.0/24" }, NullObserver.Instance, CancellationToken.None);
        Guid holder = Guid.NewGuid();
        using MachineLock held = _context.Machines.MakeLocked(holder, "holder", "a test");
        int capacity = HostOutlook.PoolOf(_context).Capacity;
        HashSet<int> slots = [.. Enumerable.Range(0, capacity).Select(_ => _context.Slots.Claim(holder, capacity))];
        Assert.Equal(capacity, slots.Count);
        MicroVmException full = await Assert.ThrowsAsync<MicroVmException>(CreateAsync);

        Assert.Equal(ErrorIds.NoFreeSlot, full.ErrorId);
        Assert.Contains("-AddressPool", full.RecommendedAction, StringComparison.Ordinal);
        Assert.Null(_engine.FindMachine(FaultVerbs.Subject));
    }

    private Task<VirtualMachine> CreateAsync() => _engine.CreateAsync(FaultVerbs.Spec(_scratch.Path), start: true, NullObserver.Instance, CancellationToken.None);

    private string[] Devices() => _network!.Host.Network.Run(sockets => HostRoutes.Devices(sockets).Values
        .Where(name => name.StartsWith(SlotConstants.LinkPrefix, StringComparison.Ordinal) || name.StartsWith(BridgePort.LinkPrefix, StringComparison.Ordinal)).ToArray());
}
