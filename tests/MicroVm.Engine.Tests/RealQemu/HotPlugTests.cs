using MicroVm.Engine.Errors;
using MicroVm.Engine.Machines;
using MicroVm.Engine.Network;
using MicroVm.Engine.Snapshots;
using MicroVm.Engine.State;
using MicroVm.Engine.Tests.Faults;
using MicroVm.Engine.Tests.Network;
using MicroVm.Engine.Tests.Support;
using static MicroVm.Engine.Tests.Network.FirewallWorld;

namespace MicroVm.Engine.Tests.RealQemu;

/// <summary>Network interfaces that are added to VMs and removed, while these run and while they do not.</summary>
public sealed class HotPlugTests(NetworkHome home) : QemuNetworkTests(home)
{
    private const string Mac = "02:fc:00:99:00:02";

    private static readonly NetworkInterfaceSpec s_nat = new() { Mode = NetworkMode.Nat };

    private static readonly NetworkInterfaceSpec s_bridge = new() { Mode = NetworkMode.Bridge, Name = "br9", MacAddress = Mac, IPAddress = "10.99.0.2/24" };

    [GuestNetworkFact]
    public async Task Stopped_VM_boots_with_what_was_added_and_without_what_was_removed()
    {
        MakeBridge();
        try
        {
            VirtualMachine machine = await Engine.CreateAsync(NetworkHome.Small with { Name = "stopped" }, start: false, Silent, CancellationToken.None);
            machine = await Engine.AddInterfaceAsync(machine.Id, s_bridge, Silent, CancellationToken.None);
            Assert.Equal([NetworkMode.Nat, NetworkMode.Bridge], machine.NetworkInterfaces.Select(one => one.Mode));
            int slot = SlotOf(machine)!.Value;

            machine = await Engine.RemoveInterfaceAsync(machine.Id, SlotMac, Silent, CancellationToken.None);
            Assert.Equal(Mac, Assert.Single(machine.NetworkInterfaces).MacAddress);
            Assert.DoesNotContain((slot, machine.Id), Context.Slots.All());
            await Engine.StartAsync(machine.Id, Silent, CancellationToken.None);
            machine = await Engine.WaitAgentAsync(machine.Id, TimeSpan.FromSeconds(90), Silent, CancellationToken.None);

            Assert.Equal("eth0 lo", await DevicesAsync(machine));
            await GuestOf(machine).ServeAsync();
            Assert.Equal(NetworkGuest.Page, Web.Get(Host, "10.99.0.2", 80));
        }
        finally
        {
            await RemoveBridgeAsync();
        }
    }

    [GuestNetworkFact]
    public async Task Full_ports_and_machines_without_any_are_refused_by_name()
    {
        MakeBridge();
        try
        {
            VirtualMachine machine = await Home.BootAsync(NetworkHome.Small with { Name = "full", Interfaces = [] });
            await Engine.AddInterfaceAsync(machine.Id, s_bridge, Silent, CancellationToken.None);
            await Engine.AddInterfaceAsync(machine.Id, s_bridge with { MacAddress = null, IPAddress = "none" }, Silent, CancellationToken.None);
            MicroVmException full = await Assert.ThrowsAsync<MicroVmException>(() => Engine.AddInterfaceAsync(machine.Id, s_nat, Silent, CancellationToken.None));
            Assert.Equal((ErrorIds.InterfaceHotPlugUnsupported, ErrorKind.NotSupported), (full.ErrorId, full.Kind));
            Assert.Contains("2 ports", full.Message, StringComparison.Ordinal);
            Assert.Contains("Stop-MicroVm full", full.RecommendedAction, StringComparison.Ordinal);
            Assert.Equal(2, Now(machine).NetworkInterfaces.Count);
            Assert.DoesNotContain(Context.Slots.All(), claim => claim.Machine == machine.Id);

            // A record as they were before there were ports.
            MachineRecord record = Context.Machines.Read(machine.Id)!;
            Context.Machines.Write(record with
            {
                Hardware = record.Hardware with { HotPlugPorts = 0, Interfaces = [.. record.Hardware.Interfaces.Select(one => one with { Port = null })] },
            });
            MicroVmException old = await Assert.ThrowsAsync<MicroVmException>(() => Engine.RemoveInterfaceAsync(machine.Id, Mac, Silent, CancellationToken.None));
            Assert.Equal(ErrorIds.InterfaceHotPlugUnsupported, old.ErrorId);
            old = await Assert.ThrowsAsync<MicroVmException>(() => Engine.AddInterfaceAsync(machine.Id, s_nat, Silent, CancellationToken.None));
            Assert.Equal(ErrorIds.InterfaceHotPlugUnsupported, old.ErrorId);
            Context.Machines.Write(record);

            // The next start makes room, and keeps the order.
            await Engine.StopAsync(machine.Id, StopMode.TurnOff, TimeSpan.Zero, Silent, CancellationToken.None);
            await Engine.StartAsync(machine.Id, Silent, CancellationToken.None);
            await Engine.WaitAgentAsync(machine.Id, TimeSpan.FromSeconds(90), Silent, CancellationToken.None);
            Assert.Equal(Mac, await GuestOf(machine).AskAsync("cat /sys/class/net/eth0/address"));
            machine = await Engine.AddInterfaceAsync(machine.Id, s_nat, Silent, CancellationToken.None);
            Assert.Equal("eth0 eth1 eth2 lo", await DevicesAsync(machine));

            await Engine.SuspendAsync(machine.Id, Silent, CancellationToken.None);
            MicroVmException paused = await Assert.ThrowsAsync<MicroVmException>(() => Engine.RemoveInterfaceAsync(machine.Id, Mac, Silent, CancellationToken.None));
            Assert.Equal(ErrorIds.InvalidMicroVmState, paused.ErrorId);
            Assert.Contains("Resume-MicroVm", paused.RecommendedAction, StringComparison.Ordinal);
        }
        finally
        {
            await RemoveBridgeAsync();
        }
    }

    [GuestNetworkFact]
    public async Task Restored_VM_has_the_interfaces_of_its_snapshot_and_no_more()
    {
        VirtualMachine machine = await Home.BootAsync(NetworkHome.Small with { Name = "back", Interfaces = [] });
        Snapshot without = await Engine.SaveSnapshotAsync(machine.Id, "without", null, Silent, CancellationToken.None);
        machine = await Engine.AddInterfaceAsync(machine.Id, s_nat, Silent, CancellationToken.None);
        Snapshot with = await Engine.SaveSnapshotAsync(machine.Id, "with", null, Silent, CancellationToken.None);
        await Engine.PublishAsync(machine.Id, [PublishedPort.TryParse("8190:80")!], Silent, CancellationToken.None);

        RecordingObserver observer = new();
        machine = await Engine.RestoreAsync(without.SnapshotId, new RestoreOptions(), observer, CancellationToken.None);
        Assert.Empty(machine.NetworkInterfaces);
        Assert.Empty(machine.PublishedPorts);
        Assert.Contains(observer.Warnings, warning => warning.Contains("8190", StringComparison.Ordinal));
        Assert.Equal("lo", await DevicesAsync(machine));
        Assert.DoesNotContain(Context.Slots.All(), claim => claim.Machine == machine.Id);
        Assert.DoesNotContain(Context.Ports.All(), claim => claim.Machine == machine.Id);
        Assert.DoesNotContain(World.List().Ports, port => port.Port.HostPort == 8190);

        machine = await Engine.RestoreAsync(with.SnapshotId, new RestoreOptions(), Silent, CancellationToken.None);
        Assert.NotNull(SlotOf(machine));
        await GuestOf(machine).ServeAsync();
        await Engine.PublishAsync(machine.Id, [PublishedPort.TryParse("8190:80")!], Silent, CancellationToken.None);
        Assert.Equal(NetworkGuest.Page, Web.Get(Host, "127.0.0.1", 8190));
        Assert.Empty(Engine.FindRepairs());
    }

    [GuestNetworkFact("passt")]
    public async Task Passt_comes_and_goes_with_its_interface()
    {
        using IDisposable world = Web.Serve(Far, FarAddress, 8000);
        VirtualMachine machine = await Home.BootAsync(NetworkHome.Small with { Name = "user", Interfaces = [] });
        machine = await Engine.AddInterfaceAsync(machine.Id, new NetworkInterfaceSpec { Mode = NetworkMode.User }, Silent, CancellationToken.None);
        Assert.StartsWith("you are ", await GuestOf(machine).FetchAsync($"http://{FarAddress}:8000/"), StringComparison.Ordinal);
        Snapshot snapshot = await Engine.SaveSnapshotAsync(machine.Id, "user", null, Silent, CancellationToken.None);
        machine = await Engine.RestoreAsync(snapshot.SnapshotId, new RestoreOptions(), Silent, CancellationToken.None);
        Assert.StartsWith("you are ", await GuestOf(machine).FetchAsync($"http://{FarAddress}:8000/"), StringComparison.Ordinal);

        await Engine.RemoveInterfaceAsync(machine.Id, null, Silent, CancellationToken.None);

        Assert.Equal("lo", await DevicesAsync(machine));
        Assert.True(SpinWait.SpinUntil(() => Passts() == 0, Limits.Generous), "passt outlived its interface.");
    }

    [GuestNetworkTheory]
    [InlineData(Failpoints.InterfaceRaised)]
    [InlineData(Failpoints.InterfaceRecorded)]
    [InlineData(Failpoints.InterfacePlugged)]
    public async Task Addition_that_fails_leaves_nothing(string point)
    {
        VirtualMachine machine = await PlainAsync();
        using (FaultScope scope = new(reached => ThrowAt(reached, point)))
        {
            await Assert.ThrowsAsync<InvalidOperationException>(() => Engine.AddInterfaceAsync(machine.Id, s_nat, Silent, CancellationToken.None));
        }

        Assert.Empty(Now(machine).NetworkInterfaces);
        Assert.DoesNotContain(Context.Slots.All(), claim => claim.Machine == machine.Id);
        Assert.Equal(("lo", VmState.Running), (await DevicesAsync(machine), Now(machine).State));
        Assert.Empty(Engine.FindRepairs());

        // And does not stand in the way of the next.
        machine = await Engine.AddInterfaceAsync(machine.Id, s_nat, Silent, CancellationToken.None);
        Assert.Equal("eth0 lo", await DevicesAsync(machine));
        await Engine.RemoveInterfaceAsync(machine.Id, null, Silent, CancellationToken.None);
        Assert.Equal("lo", await DevicesAsync(machine));
    }

    [GuestNetworkTheory]
    [InlineData(Failpoints.InterfaceUnplugged)]
    [InlineData(Failpoints.InterfaceForgotten)]
    public async Task Removal_that_breaks_off_is_finished_by_the_next_or_by_repair(string point)
    {
        VirtualMachine machine = await PlainAsync();
        await Engine.AddInterfaceAsync(machine.Id, s_nat, Silent, CancellationToken.None);
        using (FaultScope scope = new(reached => ThrowAt(reached, point)))
        {
            await Assert.ThrowsAsync<InvalidOperationException>(() => Engine.RemoveInterfaceAsync(machine.Id, null, Silent, CancellationToken.None));
        }

        if (Now(machine).NetworkInterfaces.Count > 0)
        {
            await Engine.RemoveInterfaceAsync(machine.Id, null, Silent, CancellationToken.None);
        }

        foreach (RepairAction found in Engine.FindRepairs())
        {
            Assert.Equal(RepairResult.Done, (await Engine.RepairAsync(found, Silent, CancellationToken.None)).Result);
        }

        Assert.Equal("lo", await DevicesAsync(machine));
        Assert.DoesNotContain(Context.Slots.All(), claim => claim.Machine == machine.Id);
        Assert.Empty(Engine.FindRepairs());
    }

    [GuestNetworkTheory]
    [InlineData(null)]
    [InlineData("/opt/vmm/qemu-next/qemu-system-x86_64")]
    [InlineData("/opt/vmm/qemu-11/qemu-system-x86_64")]
    public async Task Interfaces_come_and_go_while_the_guest_runs_and_are_in_its_snapshots(string? program)
    {
        if (program is not null && !File.Exists(program))
        {
            return;
        }

        MakeBridge();
        using IDisposable world = Web.Serve(Far, FarAddress, 8000);
        try
        {
            VirtualMachine machine = await Home.BootAsync(NetworkHome.Small with { Name = "come", Interfaces = [], HypervisorPath = program });
            Assert.Equal("lo", await DevicesAsync(machine));
            RecordingObserver observer = new();
            await Engine.AddInterfaceAsync(machine.Id, s_nat, observer, CancellationToken.None);
            machine = await Engine.AddInterfaceAsync(machine.Id, s_bridge, observer, CancellationToken.None);
            Assert.Empty(observer.Warnings);
            await GuestOf(machine).ServeAsync();
            await AssertBothWorkAsync(machine);
            Assert.Contains("nameserver 169.254.0.53", await GuestOf(machine).AskAsync("cat /etc/resolv.conf"), StringComparison.Ordinal);

            Snapshot snapshot = await Engine.SaveSnapshotAsync(machine.Id, "both", null, Silent, CancellationToken.None);
            await AssertBothWorkAsync(machine);
            VirtualMachine clone = await Engine.RestoreAsync(snapshot.SnapshotId, new RestoreOptions { NewName = "clone" }, Silent, CancellationToken.None);
            Assert.StartsWith("you are ", await GuestOf(clone).FetchAsync($"http://{FarAddress}:8000/"), StringComparison.Ordinal);
            Assert.Equal(clone.NetworkInterfaces[1].MacAddress, await GuestOf(clone).AskAsync("cat /sys/class/net/eth1/address"));
            Assert.NotEqual(Mac, clone.NetworkInterfaces[1].MacAddress);
            await Engine.RemoveInterfaceAsync(clone.Id, clone.NetworkInterfaces[1].MacAddress, Silent, CancellationToken.None);
            Assert.Equal("eth0 lo", await DevicesAsync(clone));
            await Engine.RemoveAsync(clone.Id, force: true, Silent, CancellationToken.None);

            machine = await Engine.RestoreAsync(snapshot.SnapshotId, new RestoreOptions(), Silent, CancellationToken.None);
            await AssertBothWorkAsync(machine);

            string link = machine.NetworkInterfaces[0].HostDevice!;
            machine = await Engine.RemoveInterfaceAsync(machine.Id, SlotMac, Silent, CancellationToken.None);
            Assert.Equal("eth1 lo", await DevicesAsync(machine));
            Assert.Equal(Mac, Assert.Single(machine.NetworkInterfaces).MacAddress);
            Assert.Equal(NetworkGuest.Page, Web.Get(Host, "10.99.0.2", 80));
            Assert.True(SpinWait.SpinUntil(() => !Home.Links().Contains(link), Limits.Generous), "The link is left.");
            Assert.DoesNotContain(World.List().Links, one => one.Name == link);
            Assert.DoesNotContain(Context.Slots.All(), claim => claim.Machine == machine.Id);
            Assert.Empty(Engine.FindRepairs());

            // A third generation, with one where there were two.
            snapshot = await Engine.SaveSnapshotAsync(machine.Id, "one", null, Silent, CancellationToken.None);
            machine = await Engine.RestoreAsync(snapshot.SnapshotId, new RestoreOptions(), Silent, CancellationToken.None);
            Assert.Equal(NetworkGuest.Page, Web.Get(Host, "10.99.0.2", 80));
            machine = await Engine.AddInterfaceAsync(machine.Id, s_nat, Silent, CancellationToken.None);
            Assert.StartsWith("you are ", await GuestOf(machine).FetchAsync($"http://{FarAddress}:8000/"), StringComparison.Ordinal);

            // A boot numbers them in the record's order.
            await Engine.RestartAsync(machine.Id, StopMode.TurnOff, TimeSpan.Zero, Silent, CancellationToken.None);
            machine = await Engine.WaitAgentAsync(machine.Id, TimeSpan.FromSeconds(90), Silent, CancellationToken.None);
            Assert.Equal($"{Mac}\n{SlotMac}", await GuestOf(machine).AskAsync("cat /sys/class/net/eth0/address /sys/class/net/eth1/address"));
            await GuestOf(machine).ServeAsync();
            await AssertBothWorkAsync(machine);
        }
        finally
        {
            await RemoveBridgeAsync();
        }
    }

    private EngineContext Context => Home.Context;

    private static string SlotMac => "02:fc:00:00:00:05";

    private async Task AssertBothWorkAsync(VirtualMachine machine)
    {
        Assert.StartsWith("you are ", await GuestOf(machine).FetchAsync($"http://{FarAddress}:8000/"), StringComparison.Ordinal);
        Assert.Equal(NetworkGuest.Page, Web.Get(Host, "10.99.0.2", 80));
    }

    private async Task<VirtualMachine> PlainAsync() => await Home.BootAsync(NetworkHome.Small with { Name = "plain", Interfaces = [] });

    private static void ThrowAt(string reached, string point)
    {
        if (reached == point)
        {
            throw new InvalidOperationException("A test made it fail.");
        }
    }

    private int? SlotOf(VirtualMachine machine) => Context.Machines.Read(machine.Id)!.Network!.Slots.OfType<int>().Cast<int?>().SingleOrDefault();

    private Task<string> DevicesAsync(VirtualMachine machine) => GuestOf(machine).AskAsync("echo $(ls /sys/class/net)");

    private void MakeBridge() => Host.Ip("link add br9 type bridge", "address add 10.99.0.1/24 dev br9", "link set br9 up");

    private async Task RemoveBridgeAsync()
    {
        await Home.RemoveAllAsync(one => one.Name != "web");
        Host.Ip("link delete br9");
        Assert.Empty(BridgePort.Known(Host.Network));
    }
}
