using System.Net.Sockets;
using System.Text;
using MicroVm.Engine.Guest.Agent;
using MicroVm.Engine.Guest.Commands;
using MicroVm.Engine.Guest.Fixups;
using MicroVm.Engine.Machines;
using MicroVm.Engine.Snapshots;
using MicroVm.Engine.State;
using MicroVm.Engine.Tests.Support;
using MicroVm.Engine.Vmm;

namespace MicroVm.Engine.Tests.RealQemu;

/// <summary>Guests with network interfaces: what the words of the kernel's command line make of them, and what snapshots keep.</summary>
public sealed class NetworkTests : QemuTests
{
    private const string Mac = "02:fc:00:00:00:05";
    private const string Page = "hello from the guest";

    private static readonly MachineInterface s_slot = new()
    {
        Mode = NetworkMode.Nat,
        MacAddress = Mac,
        Address = "169.254.0.21/30",
        Gateway = "169.254.0.22",
        AddressV6 = "fd6d:6963:766d::15/64",
        GatewayV6 = "fd6d:6963:766d::16",
        NameServers = ["169.254.0.53", "169.254.0.54", "169.254.0.55"],
    };

    private readonly AttachedDriver _driver = new();
    private readonly EngineContext _context;

    public NetworkTests(QemuHome home)
        : base(home) => _context = new EngineContext(home.Paths, [_driver]);

    [QemuRootFact]
    public async Task Guest_has_what_the_words_say_and_answers()
    {
        using GuestTap tap = SlotTap();
        VirtualMachine machine = await BootAsync("web", [s_slot], [tap.Interface(Mac)]);

        AssertAnswers(tap);
        Assert.Equal(
            "inet 169.254.0.21/30\ninet6 fd6d:6963:766d::15/64\n",
            await AskAsync(machine, "ip address show dev eth0 scope global | sed -n 's/^ *\\(inet6* [^ ]*\\).*/\\1/p'"));
        Assert.Equal("02:fc:00:00:00:05\n", await AskAsync(machine, "cat /sys/class/net/eth0/address"));
        Assert.Equal("nameserver 169.254.0.53\nnameserver 169.254.0.54\nnameserver 169.254.0.55\n", await AskAsync(machine, "cat /etc/resolv.conf"));
        Assert.Contains("default via 169.254.0.22", await AskAsync(machine, "ip route"), StringComparison.Ordinal);
        Assert.Contains("default via fd6d:6963:766d::16", await AskAsync(machine, "ip -6 route"), StringComparison.Ordinal);
        Assert.DoesNotContain("microvm: ", SaidBeforeReady(machine), StringComparison.Ordinal);
        await ServeAsync(machine);
        Assert.Equal(Page + "\n", tap.Fetch("169.254.0.21", 80));
        Assert.Equal(Page + "\n", tap.Fetch("fd6d:6963:766d::15", 80));
    }

    [QemuRootTheory]
    [InlineData(null)]
    [InlineData("/opt/vmm/qemu-11/qemu-system-x86_64")]
    [InlineData("/opt/vmm/qemu-next/qemu-system-x86_64")]
    public async Task Guest_answers_after_three_generations_each_at_another_device(string? program)
    {
        if (program is not null && !File.Exists(program))
        {
            return;
        }

        using GuestTap first = SlotTap();
        VirtualMachine machine = await BootAsync("generation-0", [s_slot], [first.Interface(Mac)], program);
        AssertAnswers(first);
        await ServeAsync(machine);
        for (int generation = 1; generation <= 3; generation++)
        {
            using GuestTap tap = SlotTap();
            Snapshot snapshot = await SavePlan.SaveAsync(_context, machine.Id, $"snapshot-{generation}", null, Silent, CancellationToken.None);
            _driver.Interfaces = [tap.Interface(Mac)];
            VirtualMachine clone = await RestoreAsync(snapshot, $"generation-{generation}");

            Assert.Equal(Page + "\n", tap.Fetch("169.254.0.21", 80));
            AssertAnswers(tap);
            Assert.Contains(" 0% packet loss", await AskAsync(clone, "ping -c 2 -W 5 169.254.0.22"), StringComparison.Ordinal);
            await RemovePlan.RemoveAsync(_context, machine.Id, force: true, Silent, CancellationToken.None);
            machine = clone;
        }

        Assert.Equal("0\n", await AskAsync(machine, "dmesg | grep -c -E 'NETDEV WATCHDOG|virtio_net.*(error|fail)'"));
    }

    [QemuRootFact]
    public async Task Interface_that_is_down_passes_nothing_until_it_is_set_up()
    {
        using GuestTap tap = SlotTap();
        VirtualMachine machine = await BootAsync("origin-0", [s_slot], [tap.Interface(Mac)]);
        AssertAnswers(tap);
        Snapshot snapshot = await SavePlan.SaveAsync(_context, machine.Id, "snapshot", null, Silent, CancellationToken.None);
        await RemovePlan.RemoveAsync(_context, machine.Id, force: true, Silent, CancellationToken.None);

        VirtualMachine clone = await RestoreAsync(snapshot, "clone");
        await using (IVmmConnection connection = await _driver.ConnectAsync(RunOf(clone).RunDirectory, CancellationToken.None))
        {
            await connection.SetLinkAsync(0, up: false, CancellationToken.None);
            await AskAsync(clone, "until [ \"$(cat /sys/class/net/eth0/carrier)\" = 0 ]; do usleep 10000; done");
            Assert.False(tap.Pings("169.254.0.21"));
            await connection.SetLinkAsync(0, up: true, CancellationToken.None);
        }

        await AskAsync(clone, "until [ \"$(cat /sys/class/net/eth0/carrier)\" = 1 ]; do usleep 10000; done");
        AssertAnswers(tap);
    }

    [QemuRootFact]
    public async Task Two_interfaces_have_each_their_own()
    {
        MachineInterface second = new() { Mode = NetworkMode.Tap, MacAddress = "02:fc:00:00:00:15", Address = "10.77.0.2/24", Gateway = "10.99.0.1", NameServers = ["10.77.0.1"] };
        using GuestTap tap = SlotTap();
        using GuestTap other = new("10.77.0.1/24");
        VirtualMachine machine = await BootAsync("web", [s_slot, second], [tap.Interface(Mac), other.Interface(second.MacAddress)]);

        AssertAnswers(tap);
        Assert.True(other.Pings("10.77.0.2"));
        Assert.Equal(
            "default via 169.254.0.22 dev eth0 onlink \ndefault via 10.99.0.1 dev eth1 metric 1 onlink \n",
            (await AskAsync(machine, "ip route | grep default")).Replace("  ", " ", StringComparison.Ordinal));
        Assert.Equal("eth1\n", await AskAsync(machine, "grep -l 02:fc:00:00:00:15 /sys/class/net/*/address | cut -d / -f 5"));
        Assert.Contains("nameserver 10.77.0.1\n", await AskAsync(machine, "cat /etc/resolv.conf"), StringComparison.Ordinal);
    }

    [QemuRootFact]
    public async Task Without_a_server_of_DHCP_the_guest_is_ready_nevertheless()
    {
        using GuestTap tap = SlotTap();
        VirtualMachine machine = await BootAsync("web", [s_slot with { Address = "dhcp", Gateway = null, AddressV6 = null, GatewayV6 = null, NameServers = [] }], [tap.Interface(Mac)]);

        Assert.Contains("microvm: no DHCP server answers on eth0", SaidBeforeReady(machine), StringComparison.Ordinal);
        Assert.Equal("1\n", await AskAsync(machine, "pidof udhcpc | wc -w"));
    }

    [QemuFact]
    public async Task Two_guests_on_one_wire_one_gives_the_other_its_address()
    {
        (Socket left, Socket right) = ConnectedPair();
        using (left)
        using (right)
        {
            MachineInterface server = new() { Mode = NetworkMode.User, MacAddress = Mac, Address = "10.1.0.1/24" };
            VirtualMachine machine = await BootAsync("server", [server], [new VmmInterface(left.SafeHandle, VmmInterfaceKind.Stream, Mac)]);
            await AskAsync(
                machine,
                "printf '%s\\n' 'start 10.1.0.50' 'end 10.1.0.60' 'interface eth0' 'option subnet 255.255.255.0' 'option router 10.1.0.1' 'option dns 10.1.0.1' 'opt domain example.org'"
                + " 'lease_file /run/leases' >/run/udhcpd.conf; touch /run/leases; udhcpd /run/udhcpd.conf </dev/null >/dev/null 2>&1");
            MachineInterface client = server with { MacAddress = "02:fc:00:00:00:07", Address = "dhcp" };
            VirtualMachine asking = await BootAsync("client", [client], [new VmmInterface(right.SafeHandle, VmmInterfaceKind.Stream, client.MacAddress)]);

            Assert.DoesNotContain("microvm: ", SaidBeforeReady(asking), StringComparison.Ordinal);
            Assert.Contains("inet 10.1.0.5", await AskAsync(asking, "ip address show eth0"), StringComparison.Ordinal);
            Assert.Contains("default via 10.1.0.1 dev eth0", await AskAsync(asking, "ip route"), StringComparison.Ordinal);
            Assert.Equal("search example.org\nnameserver 10.1.0.1\n", await AskAsync(asking, "cat /etc/resolv.conf"));
            Assert.Contains(" 0% packet loss", await AskAsync(asking, "ping -c 2 -W 5 10.1.0.1"), StringComparison.Ordinal);

            // A clone of it would have to ask anew.
            (FixupResult result, string detail) = await FixAsync(asking, new InterfaceChange(client, client with { MacAddress = "02:fc:00:00:00:08" }));
            Assert.Equal((FixupResult.Done, "eth0 has 02:fc:00:00:00:08 and dhcp now."), (result, detail));
            await AskAsync(asking, "until ip address show eth0 | grep -q 'inet 10.1.0.5'; do usleep 10000; done");
            Assert.Contains(" 0% packet loss", await AskAsync(asking, "ping -c 2 -W 5 10.1.0.1"), StringComparison.Ordinal);
            Assert.Equal("1\n", await AskAsync(asking, "pidof udhcpc | wc -w"));
        }
    }

    private static (Socket Left, Socket Right) ConnectedPair()
    {
        using Socket listener = new(AddressFamily.Unix, SocketType.Stream, ProtocolType.Unspecified);
        // In the abstract namespace, under a name the kernel picks no other for.
        UnixDomainSocketEndPoint end = new($"\0mvt-{Guid.NewGuid():N}");
        listener.Bind(end);
        listener.Listen();
        Socket left = new(AddressFamily.Unix, SocketType.Stream, ProtocolType.Unspecified);
        left.Connect(end);
        return (left, listener.Accept());
    }

    private MachineRun RunOf(VirtualMachine machine) => _context.Machines.Read(machine.Id)!.Run!;

    private Task<VirtualMachine> RestoreAsync(Snapshot snapshot, string name) =>
        RestorePlan.RestoreAsync(_context, snapshot.SnapshotId, new RestoreOptions { NewName = name }, Silent, CancellationToken.None);

    [QemuRootFact]
    public async Task Clone_is_told_of_another_hardware_address_and_addresses()
    {
        MachineInterface here = s_slot with { Mode = NetworkMode.Bridge };
        MachineInterface there = new()
        {
            Mode = NetworkMode.Bridge,
            MacAddress = "02:FC:00:00:00:77",
            Address = "10.5.0.2/24",
            Gateway = "10.6.0.1",
            AddressV6 = "fd05::2/64",
            GatewayV6 = "fd06::1",
            NameServers = ["10.5.0.1"],
        };
        using GuestTap tap = new("169.254.0.22/30", "fd6d:6963:766d::16/64", "10.5.0.1/24", "fd05::1/64");
        VirtualMachine machine = await BootAsync("web", [here], [tap.Interface(Mac)]);
        AssertAnswers(tap);

        (FixupResult result, string detail) = await FixAsync(machine, new InterfaceChange(here, here));
        Assert.Equal((FixupResult.Done, "eth0 has forgotten its neighbours."), (result, detail));
        AssertAnswers(tap);

        (result, detail) = await FixAsync(machine, new InterfaceChange(here, there));
        Assert.Equal((FixupResult.Done, "eth0 has 02:fc:00:00:00:77 and 10.5.0.2/24 now."), (result, detail));
        Assert.True(tap.Pings("10.5.0.2"));
        Assert.True(tap.Pings("fd05::2"));
        Assert.Contains("02:fc:00:00:00:77", tap.Run("ip", "neigh", "show", "10.5.0.2"), StringComparison.Ordinal);
        Assert.False(tap.Pings("169.254.0.21"));
        Assert.Equal("nameserver 10.5.0.1\n", await AskAsync(machine, "cat /etc/resolv.conf"));
        Assert.Contains("default via 10.6.0.1 dev eth0", await AskAsync(machine, "ip route"), StringComparison.Ordinal);
        Assert.Contains("default via fd06::1 dev eth0", await AskAsync(machine, "ip -6 route"), StringComparison.Ordinal);

        (result, detail) = await FixAsync(machine, new InterfaceChange(here, here with { Address = "10.5.0.3/24" }));
        Assert.Equal((FixupResult.Failed, "It could not be set up: there is no interface with 02:fc:00:00:00:05"), (result, detail));
        (result, _) = await FixAsync(machine, new InterfaceChange(s_slot, s_slot));
        Assert.Equal(FixupResult.NotNeeded, result);
    }

    private async Task<(FixupResult Result, string Detail)> FixAsync(VirtualMachine machine, InterfaceChange change)
    {
        GuestAgent agent = GuestAccess.Open(_context, machine.Id, "to test");
        return await agent.UseAsync(connection => NetworkFixup.RunAsync(connection, agent, [change], CancellationToken.None), CancellationToken.None);
    }

    private static GuestTap SlotTap() => new("169.254.0.22/30", "fd6d:6963:766d::16/64");

    private static void AssertAnswers(GuestTap tap)
    {
        Assert.True(tap.Pings("169.254.0.21"));
        Assert.True(tap.Pings("fd6d:6963:766d::15"));
    }

    private static string SaidBeforeReady(VirtualMachine machine) =>
        File.ReadAllText(machine.SerialLogPath!).Split("microvm: guest ready")[0];

    private Task<string> ServeAsync(VirtualMachine machine) =>
        AskAsync(machine, $"echo '{Page}' >/root/page; nc -ll -p 80 -e cat /root/page </dev/null >/dev/null 2>&1 & until netstat -ltn | grep -q ':80 '; do usleep 10000; done");

    private async Task<VirtualMachine> BootAsync(string name, IReadOnlyList<MachineInterface> interfaces, IReadOnlyList<VmmInterface> backends, string? program = null)
    {
        _driver.Interfaces = backends;
        VirtualMachine machine = await BootPlan.CreateAsync(
            _context,
            QemuHome.Small with { Name = name, KernelArguments = KernelLine.Network(interfaces, name), HypervisorPath = program },
            start: true,
            Silent,
            CancellationToken.None);
        return await WaitPlan.ReadyAsync(_context, machine.Id, TimeSpan.FromSeconds(90), Silent, CancellationToken.None);
    }

    private async Task<string> AskAsync(VirtualMachine machine, string script)
    {
        StringBuilder said = new();
        await CommandPlan.RunAsync(
            _context,
            machine.Id,
            new GuestCommand { Script = script, Timeout = TimeSpan.FromSeconds(30) },
            piece =>
            {
                said.Append(Encoding.UTF8.GetString(piece.Bytes.Span));
                return Task.CompletedTask;
            },
            Silent,
            CancellationToken.None);
        return said.ToString();
    }
}
