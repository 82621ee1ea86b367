using System.Net.Sockets;
using System.Text;
using MicroVm.Engine.Errors;
using MicroVm.Engine.Machines;
using MicroVm.Engine.Network;
using MicroVm.Engine.Snapshots;
using MicroVm.Engine.Tests.Network;
using MicroVm.Engine.Tests.Support;
using static MicroVm.Engine.Tests.Network.FirewallWorld;

namespace MicroVm.Engine.Tests.RealQemu;

/// <summary>Guests whose network is not a slot: behind passt, on a bridge of the host's, at a TAP device of the caller's.</summary>
public sealed class OtherNetworkTests(NetworkHome home) : QemuNetworkTests(home)
{
    [GuestNetworkFact("passt")]
    public async Task Guest_behind_passt_reaches_out_and_is_reached()
    {
        using IDisposable world = Web.Serve(Far, FarAddress, 8000);
        VirtualMachine machine = await Home.BootAsync(NetworkHome.Small with
        {
            Name = "user",
            Interfaces = [new NetworkInterfaceSpec { Mode = NetworkMode.User }],
            PublishedPorts = [PublishedPort.TryParse("8180:80")!, PublishedPort.TryParse("8107:7/udp")!],
        });
        await GuestOf(machine).ServeAsync();

        await AssertWorksAsync(machine, 8180);
        Assert.Equal("ConnectionRefused", Web.Get(Far, HostAddress, 8180));
        Snapshot snapshot = await Engine.SaveSnapshotAsync(machine.Id, "serving", null, Silent, CancellationToken.None);
        VirtualMachine restored = await Engine.RestoreAsync(snapshot.SnapshotId, new RestoreOptions(), Silent, CancellationToken.None);
        Assert.Equal(machine.PublishedPorts, restored.PublishedPorts);
        await AssertWorksAsync(restored, 8180);
        Assert.True(SpinWait.SpinUntil(() => Passts() == 1, Limits.Generous));

        VirtualMachine clone = await Engine.RestoreAsync(
            snapshot.SnapshotId, new RestoreOptions { NewName = "clone", PublishedPorts = [PublishedPort.TryParse("8181:80")!] }, Silent, CancellationToken.None);
        await AssertWorksAsync(clone, 8181);
        await AssertWorksAsync(restored, 8180);
        Assert.Equal(2, Passts());
        MicroVmException taken = await Assert.ThrowsAsync<MicroVmException>(() => Engine.RestoreAsync(
            snapshot.SnapshotId, new RestoreOptions { NewName = "thief", PublishedPorts = [PublishedPort.TryParse("8181:80")!] }, Silent, CancellationToken.None));
        Assert.Equal(ErrorIds.PortInUse, taken.ErrorId);

        await Home.RemoveAllAsync(one => one.Name != "web");
        Assert.True(SpinWait.SpinUntil(() => Passts() == 0, Limits.Generous), "passt outlived its VMs.");
        Assert.Equal("ConnectionRefused", Web.Get(Host, "127.0.0.1", 8180));
    }

    [GuestNetworkFact]
    public async Task Guest_on_a_bridge_keeps_its_place_and_a_clone_gets_its_own()
    {
        Host.Ip("link add br7 type bridge", "address add 10.99.0.1/24 dev br7", "link set br7 up");
        try
        {
            VirtualMachine machine = await Home.BootAsync(NetworkHome.Small with
            {
                Name = "bridged",
                Interfaces = [new NetworkInterfaceSpec { Mode = NetworkMode.Bridge, Name = "br7", IPAddress = "10.99.0.2/24", Gateway = "10.99.0.1" }],
            });
            await GuestOf(machine).ServeAsync();
            string mac = machine.NetworkInterfaces[0].MacAddress;
            Assert.Equal("10.99.0.2", machine.IPAddress ?? machine.NetworkInterfaces[0].IPAddress);
            Assert.Equal(NetworkGuest.Page, Web.Get(Host, "10.99.0.2", 80));
            Snapshot snapshot = await Engine.SaveSnapshotAsync(machine.Id, "serving", null, Silent, CancellationToken.None);
            VirtualMachine restored = await Engine.RestoreAsync(snapshot.SnapshotId, new RestoreOptions(), Silent, CancellationToken.None);
            Assert.Equal(mac, restored.NetworkInterfaces[0].MacAddress);
            Assert.Equal(NetworkGuest.Page, Web.Get(Host, "10.99.0.2", 80));

            VirtualMachine clone = await Engine.RestoreAsync(snapshot.SnapshotId, new RestoreOptions { NewName = "clone" }, Silent, CancellationToken.None);
            Assert.NotEqual(mac, clone.NetworkInterfaces[0].MacAddress);
            Assert.Equal($"{clone.NetworkInterfaces[0].MacAddress} 1", await GuestOf(clone).AskAsync("echo $(cat /sys/class/net/eth0/address /sys/class/net/eth0/carrier)"));
            Assert.Equal("", await GuestOf(clone).AskAsync("ip -4 address show dev eth0 | grep inet || :"));
            Assert.Equal(NetworkGuest.Page, Web.Get(Host, "10.99.0.2", 80));
            await GuestOf(clone).AskAsync("ip address add 10.99.0.3/24 dev eth0");
            Assert.Equal(NetworkGuest.Page.TrimEnd(), await GuestOf(clone).FetchAsync("http://10.99.0.2/"));
            // The origin may have no address but its own.
            await GuestOf(restored).AskAsync("ip address add 10.99.0.3/24 dev eth0");
            Assert.Equal(NetworkGuest.Page, Web.Get(Host, "10.99.0.3", 80));
            Assert.Contains(clone.NetworkInterfaces[0].MacAddress, Host.Run("ip", "neigh", "show", "10.99.0.3"), StringComparison.Ordinal);

            // One that was not told who it is stays apart: it would take its origin's frames.
            RecordingObserver observer = new();
            VirtualMachine apart = await Engine.RestoreAsync(snapshot.SnapshotId, new RestoreOptions { NewName = "apart", NoFixup = true }, observer, CancellationToken.None);
            Assert.Equal($"{mac} 0", await GuestOf(apart).AskAsync("echo $(cat /sys/class/net/eth0/address /sys/class/net/eth0/carrier 2>/dev/null || echo 0)"));
            Assert.Contains(observer.Warnings, warning => warning.Contains("not connected to its bridge", StringComparison.Ordinal));

            MicroVmException missing = await Assert.ThrowsAsync<MicroVmException>(() => Home.BootAsync(NetworkHome.Small with
            {
                Name = "nowhere",
                Interfaces = [new NetworkInterfaceSpec { Mode = NetworkMode.Bridge, Name = "br8" }],
            }));
            Assert.Equal((ErrorIds.BridgeNotFound, true), (missing.ErrorId, missing.RecommendedAction!.Contains("br7", StringComparison.Ordinal)));
            Assert.Null(Engine.FindMachine("nowhere"));
        }
        finally
        {
            await Home.RemoveAllAsync(one => one.Name != "web");
            Host.Ip("link delete br7");
        }

        Assert.Empty(BridgePort.Known(Host.Network));
    }

    [GuestNetworkFact]
    public async Task Guest_at_a_device_of_the_callers_outlives_it()
    {
        using Netns place = new();
        place.Ip("tuntap", "add", "dev", "tap7", "mode", "tap");
        place.Ip("address", "add", "10.98.0.1/24", "dev", "tap7");
        place.Ip("link", "set", "tap7", "up");
        VirtualMachine machine = await Home.BootAsync(NetworkHome.Small with
        {
            Name = "tapped",
            Interfaces =
            [
                new NetworkInterfaceSpec
                {
                    Mode = NetworkMode.Tap, NetworkNamespace = place.Name, TapDevice = "tap7", MacAddress = "02:fc:00:98:00:02", IPAddress = "10.98.0.2/24", Gateway = "10.98.0.1",
                },
            ],
        });
        await GuestOf(machine).ServeAsync();
        Assert.Equal("hello", Echo(place));
        Snapshot snapshot = await Engine.SaveSnapshotAsync(machine.Id, "serving", null, Silent, CancellationToken.None);

        // There is one device, and one VM that can have it.
        MicroVmException busy = await Assert.ThrowsAsync<MicroVmException>(
            () => Engine.RestoreAsync(snapshot.SnapshotId, new RestoreOptions { NewName = "second" }, Silent, CancellationToken.None));
        Assert.Equal(ErrorIds.TapDeviceUnusable, busy.ErrorId);
        VirtualMachine restored = await Engine.RestoreAsync(snapshot.SnapshotId, new RestoreOptions(), Silent, CancellationToken.None);
        Assert.Equal("hello", Echo(place));

        place.Ip("link", "delete", "tap7");
        Assert.Equal("still here", await GuestOf(restored).AskAsync("ping -c 1 -W 1 10.98.0.1 >/dev/null 2>&1; echo still here"));
        Assert.Equal(VmState.Running, Now(machine).State);
        Assert.Equal(VmState.Paused, (await Engine.SuspendAsync(machine.Id, Silent, CancellationToken.None)).State);
        Assert.Equal(VmState.Running, (await Engine.ResumeAsync(machine.Id, Silent, CancellationToken.None)).State);
        MicroVmException gone = await Assert.ThrowsAsync<MicroVmException>(() => Engine.RestartAsync(machine.Id, StopMode.TurnOff, TimeSpan.Zero, Silent, CancellationToken.None));
        Assert.Equal(ErrorIds.TapDeviceNotFound, gone.ErrorId);
    }

    private static string Echo(Netns place)
    {
        using Socket socket = place.Socket(SocketType.Stream);
        socket.Connect("10.98.0.2", 82);
        socket.Send("hello"u8);
        byte[] answer = new byte[16];
        return Encoding.ASCII.GetString(answer, 0, socket.Receive(answer));
    }

    private async Task AssertWorksAsync(VirtualMachine machine, int port)
    {
        Assert.Equal(NetworkGuest.Page, Web.Get(Host, "127.0.0.1", port));
        Assert.Equal($"you are {HostAddress}", await GuestOf(machine).FetchAsync($"http://{FarAddress}:8000/"));
    }
}
