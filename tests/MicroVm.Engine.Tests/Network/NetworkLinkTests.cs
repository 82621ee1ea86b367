using System.Net;
using System.Net.NetworkInformation;
using System.Text.RegularExpressions;
using Microsoft.Win32.SafeHandles;
using MicroVm.Engine.Errors;
using MicroVm.Engine.Native;
using MicroVm.Engine.Network;
using MicroVm.Engine.Tests.Support;

namespace MicroVm.Engine.Tests.Network;

public sealed class NetworkLinkTests : IDisposable
{
    // struct virtio_net_hdr, which stands before each frame.
    private const int NetworkHeaderBytes = 10;

    private readonly TestNetwork _net = new();

    public void Dispose() => _net.Dispose();

    private HostNetwork Host => _net.Host.Network;

    [NetworkFact]
    public void Link_is_what_was_asked_for()
    {
        using NetworkLink link = NetworkLink.Raise(Host, ipv6: true, mtu: 1400);

        Assert.Matches("^mvm[0-9a-f]{8}$", link.Name);
        Assert.Equal("tap0", TapDevice.NameOf(link.Tap));
        string device = _net.Host.Run("ip", "-d", "link", "show", link.Name);
        Assert.Contains($"{link.Index}: {link.Name}@", device, StringComparison.Ordinal);
        Assert.Contains("UP", device, StringComparison.Ordinal);
        Assert.Contains("mtu 1400", device, StringComparison.Ordinal);
        Assert.Contains("02:fc:00:00:00:07", device, StringComparison.Ordinal);
        Assert.Contains("addrgenmode none numtxqueues 1 numrxqueues 1", device, StringComparison.Ordinal);
        Assert.Equal("", _net.Host.Run("ip", "address", "show", "dev", link.Name, "to", "0.0.0.0/0"));
        Assert.Contains("169.254.1.2 lladdr 02:fc:00:00:00:08 PERMANENT", _net.Host.Run("ip", "neighbour", "show", "dev", link.Name), StringComparison.Ordinal);
        Assert.Contains("fe80::2 lladdr 02:fc:00:00:00:08 PERMANENT", _net.Host.Run("ip", "-6", "neighbour", "show", "dev", link.Name), StringComparison.Ordinal);
        Assert.Equal("1", Setting(_net.Host, $"net/ipv4/conf/{link.Name}/route_localnet"));
        Assert.Equal("1", Setting(_net.Host, $"net/ipv4/conf/{link.Name}/forwarding"));

        using Inside inside = new(link);
        string tap = inside.Run("ip", "-d", "address", "show", "dev", "tap0");
        Assert.Contains("mtu 1400", tap, StringComparison.Ordinal);
        Assert.Contains("02:fc:00:00:00:06", tap, StringComparison.Ordinal);
        Assert.Contains("inet 169.254.0.22/30", tap, StringComparison.Ordinal);
        Assert.Contains("inet6 fd6d:6963:766d::16/64", tap, StringComparison.Ordinal);
        Assert.DoesNotContain("fe80", tap, StringComparison.Ordinal);
        Assert.Contains("tun type tap pi off vnet_hdr on persist on", tap, StringComparison.Ordinal);
        Assert.Contains("mtu 1400", inside.Run("ip", "link", "show", "up0"), StringComparison.Ordinal);
        Assert.Equal("default via 169.254.1.1 dev up0 proto 109 onlink", inside.Run("ip", "route", "show", "default").Trim());
        Assert.Contains("default via fe80::1 dev up0 proto 109", inside.Run("ip", "-6", "route", "show", "default"), StringComparison.Ordinal);
        Assert.Contains("169.254.0.21 lladdr 02:fc:00:00:00:05 PERMANENT", inside.Run("ip", "neighbour", "show", "dev", "tap0"), StringComparison.Ordinal);
        Assert.Contains("169.254.1.1 lladdr 02:fc:00:00:00:07 PERMANENT", inside.Run("ip", "neighbour", "show", "dev", "up0"), StringComparison.Ordinal);
        Assert.Equal(["0", "1", "1", "1"], inside.Settings("net/ipv4/conf/up0/route_localnet", "net/ipv4/conf/up0/forwarding", "net/ipv4/conf/tap0/forwarding", "net/ipv6/conf/all/forwarding"));
    }

    [NetworkFact]
    public void Guest_that_asks_in_many_names_makes_no_neighbours()
    {
        using NetworkLink link = NetworkLink.Raise(Host, ipv6: false);
        using Inside inside = new(link);
        using FileStream guest = new(link.Tap, FileAccess.Write, bufferSize: 0);
        byte[] frame = new byte[NetworkHeaderBytes + 42];
        byte[] question =
        [
            0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0x02, 0xFC, 0, 0, 0, 5, 0x08, 0x06,
            0, 1, 8, 0, 6, 4, 0, 1, 0x02, 0xFC, 0, 0, 0, 5, 198, 51, 100, 0, 0, 0, 0, 0, 0, 0, 169, 254, 0, 22,
        ];
        question.CopyTo(frame, NetworkHeaderBytes);
        for (byte name = 1; name <= 9; name++)
        {
            frame[NetworkHeaderBytes + 31] = name;
            guest.Write(frame);
        }

        Assert.Equal("169.254.0.21 lladdr 02:fc:00:00:00:05 PERMANENT", inside.Run("ip", "-4", "neighbour", "show", "dev", "tap0").Trim());
    }

    [NetworkFact]
    public void Link_for_IPv4_alone_has_no_way_for_IPv6()
    {
        using NetworkLink link = NetworkLink.Raise(Host, ipv6: false);
        using Inside inside = new(link);

        Assert.Equal("", inside.Run("ip", "-6", "address").Trim());
        Assert.Equal("", inside.Run("ip", "-6", "route", "show", "default").Trim());
        Assert.Equal(["0", "1"], inside.Settings("net/ipv6/conf/all/forwarding", "net/ipv4/conf/tap0/forwarding"));
        Assert.Equal("", _net.Host.Run("ip", "-6", "address", "show", "dev", link.Name).Trim());
    }

    [NetworkFact]
    public void World_reaches_the_guest_and_nobody_asks_for_hardware_addresses()
    {
        using NetworkLink link = NetworkLink.Raise(Host, ipv6: true);
        // Without a firewall nothing translates, so the guest's own addresses are those outside.
        Host.Run(sockets =>
        {
            HostForwarding.Ensure(sockets, six: true);
            HostRoutes.Attach(sockets, link.Index, SlotConstants.Guest, SlotConstants.GuestV6);
        });
        _net.World.Run("ip", "route", "add", $"{SlotConstants.Guest}/32", "via", $"{TestNetwork.HostAddress}");
        _net.World.Run("ip", "route", "add", $"{SlotConstants.GuestV6}/128", "via", $"{TestNetwork.HostAddressV6}");
        using FakeGuest guest = new(link.Tap);

        Assert.Equal(IPStatus.Success, Ping(SlotConstants.Guest, 56));
        Assert.Equal(IPStatus.Success, Ping(SlotConstants.Guest, 1472));
        Assert.Equal(IPStatus.Success, Ping(SlotConstants.GuestV6, 56));
        Assert.Equal(IPStatus.Success, Ping(SlotConstants.GuestV6, 1452));
        Assert.Equal(0, guest.Questions);

        // The first ones may be lost: the kernel tells the host's end some milliseconds later that there is another.
        IPStatus Ping(IPAddress address, int bytes)
        {
            IPStatus status = IPStatus.Unknown;
            SpinWait.SpinUntil(() => (status = _net.World.Run(() => new Ping().Send(address, 1000, new byte[bytes], new PingOptions(64, true)).Status)) == IPStatus.Success, Limits.Generous);
            return status;
        }
    }

    [NetworkFact]
    public void Link_ends_with_its_last_descriptor()
    {
        NetworkLink link = NetworkLink.Raise(Host, ipv6: true);
        SafeFileHandle other = new(Descriptors.DuplicateAbove(link.Tap, 3), ownsHandle: true);
        string inside = InsideOf(link);

        link.Dispose();

        Assert.True(Exists(link.Name));
        Assert.True(IsUp(link.Name));
        other.Dispose();
        WaitUntilGone(link.Name);
        Assert.DoesNotContain(inside, AllNamespaces());
    }

    [NetworkFact]
    public void Link_ends_with_the_process_that_has_its_TAP()
    {
        NetworkLink link = NetworkLink.Raise(Host, ipv6: false);
        SafeFileHandle nothing = File.OpenHandle("/dev/null", FileMode.Open, FileAccess.ReadWrite, FileShare.ReadWrite);
        int child = ProcessSpawn.Spawn(ProgramFinder.Find("sleep")!, ["sleep", "1000"], [], [nothing, nothing, nothing, link.Tap]);
        using ProcessDescriptor process = ProcessDescriptor.TryOpen(child)!;
        link.Dispose();
        nothing.Dispose();

        // As one who takes over a running VM: the descriptor of the other, and by it all there is to know.
        using (SafeFileHandle copy = process.TryCopyDescriptor(3)!)
        {
            Assert.Equal("tap0", TapDevice.NameOf(copy));
            using SafeFileHandle inside = TapDevice.OpenNamespace(copy);
            Assert.False(inside.IsInvalid);
        }

        Assert.Null(process.TryCopyDescriptor(99));
        Assert.True(Exists(link.Name));
        process.Signal(Signals.Kill);
        Assert.True(process.WaitForEnd(Limits.Generous, default));
        process.TryReap();

        WaitUntilGone(link.Name);
    }

    [NetworkFact]
    public void Link_lives_on_in_a_process_that_is_in_its_namespace()
    {
        // As Firecracker, which opens the TAP by its name.
        NetworkLink link = NetworkLink.Raise(Host, ipv6: false);
        Inside inside = new(link);
        link.Dispose();

        string again = inside.Run("ip", "-d", "link", "show", "tap0");

        Assert.Contains("persist on", again, StringComparison.Ordinal);
        Assert.True(Exists(link.Name));
        inside.Dispose();
        WaitUntilGone(link.Name);
    }

    [NetworkFact]
    public void Taken_name_or_index_is_no_failure_but_another_try()
    {
        using NetworkLink link = NetworkLink.Raise(Host, ipv6: false);
        string[] before = AllNamespaces();

        Assert.Null(Host.Run(sockets => NetworkLink.TryRaise(sockets, link.Name, 77_777_777, ipv6: false)));
        Assert.Null(Host.Run(sockets => NetworkLink.TryRaise(sockets, "mvm00000000", link.Index, ipv6: false)));

        using NetworkLink? free = Host.Run(sockets => NetworkLink.TryRaise(sockets, "mvm00000000", 77_777_777, ipv6: false));
        Assert.Equal(("mvm00000000", 77_777_777), (free!.Name, free.Index));
        Assert.Equal([link.Name, free.Name], Links());
        Assert.True(SpinWait.SpinUntil(() => AllNamespaces().Length == before.Length, Limits.Generous));
    }

    [NetworkFact]
    public void Impossible_size_is_a_typed_error_and_nothing_is_left()
    {
        MicroVmException error = Assert.Throws<MicroVmException>(() => NetworkLink.Raise(Host, ipv6: true, mtu: 70_000));

        Assert.Equal(ErrorIds.NetworkFailed, error.ErrorId);
        Assert.Contains("raise the link: add the veth pair", error.InnerException!.Message, StringComparison.Ordinal);
        Assert.Empty(Links());
        Assert.True(Host.Run(sockets => HostRoutes.IndexOf(sockets, TestNetwork.Uplink)) > 0);
    }

    [NetworkFact]
    public void Hundreds_of_links_leave_nothing_behind()
    {
        NetworkLink.Raise(Host, ipv6: true).Dispose();
        WaitUntilNone();
        string[] before = AllNamespaces();
        int descriptors = Directory.GetFiles("/proc/self/fd").Length;

        for (int i = 0; i < 300; i++)
        {
            using NetworkLink link = NetworkLink.Raise(Host, ipv6: i % 2 == 0);
            Host.Run(sockets => HostRoutes.Attach(sockets, link.Index, AddressPool.Default.AddressOf(i + 1).Four, null));
        }

        WaitUntilNone();
        Assert.True(SpinWait.SpinUntil(() => AllNamespaces().Length <= before.Length, Limits.Generous));
        Assert.InRange(Directory.GetFiles("/proc/self/fd").Length, 0, descriptors + 10);
        Assert.Equal(1, Host.Run(sockets => HostRoutes.List(sockets).Count(route => route.Device == TestNetwork.Uplink && route.Destination.PrefixLength == 0 && route.Destination.BaseAddress.Equals(IPAddress.Any))));
        Assert.DoesNotContain(Host.Run(HostRoutes.List), route => route.IsOurs);
    }

    private static string Setting(TestNamespace side, string name) => side.Run(() => File.ReadAllText($"/proc/sys/{name}").Trim());

    private static string InsideOf(NetworkLink link)
    {
        using SafeFileHandle inside = link.OpenNamespace();
        return new FileInfo($"/proc/self/fd/{inside.DangerousGetHandle()}").LinkTarget!;
    }

    // Those that any descriptor or thread of this process holds.
    private static string[] AllNamespaces() =>
    [
        .. Directory.GetFiles("/proc/self/fd").Concat(Directory.GetDirectories("/proc/self/task").Select(task => $"{task}/ns/net"))
            .Select(path => new FileInfo(path).LinkTarget).OfType<string>().Where(target => target.StartsWith("net:", StringComparison.Ordinal)).Distinct(),
    ];

    private string[] Links() => [.. Host.Run(HostRoutes.Devices).Values.Where(name => Regex.IsMatch(name, "^mvm[0-9a-f]{8}$")).Order(StringComparer.Ordinal).Reverse()];

    private bool Exists(string name) => Host.Run(sockets => HostRoutes.IndexOf(sockets, name)) is not null;

    private bool IsUp(string name) => _net.Host.Run("ip", "link", "show", "up", "dev", name).Contains(name, StringComparison.Ordinal);

    private void WaitUntilGone(string name) => Assert.True(SpinWait.SpinUntil(() => !Exists(name), Limits.Generous), $"{name} is still there.");

    private void WaitUntilNone() => Assert.True(SpinWait.SpinUntil(() => Links().Length == 0, Limits.Generous), $"{Links().Length} links are still there.");

    /// <summary>A thread in the link's namespace.</summary>
    private sealed class Inside : IDisposable
    {
        private readonly SafeFileHandle _file;
        private readonly HostNetwork _thread;

        public Inside(NetworkLink link)
        {
            _file = link.OpenNamespace();
            _thread = new HostNetwork(_file);
        }

        public string Run(params string[] command)
        {
            using Scratch scratch = new();
            using TestProcess process = _thread.Run(_ => TestProcess.Start(scratch.File("output"), command));
            process.WaitForEnd();
            Assert.Equal(new ProcessExit(0, null), process.Reap());
            return File.ReadAllText(scratch.File("output"));
        }

        public string[] Settings(params string[] names) => _thread.Run(_ => names.Select(name => File.ReadAllText($"/proc/sys/{name}").Trim()).ToArray());

        public void Dispose()
        {
            _thread.Dispose();
            _file.Dispose();
        }
    }
}
