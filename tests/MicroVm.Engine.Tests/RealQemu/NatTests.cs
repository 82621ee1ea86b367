using System.Net.Sockets;
using System.Text;
using MicroVm.Engine.Errors;
using MicroVm.Engine.Machines;
using MicroVm.Engine.Native;
using MicroVm.Engine.Tests.Network;
using MicroVm.Engine.Tests.Support;
using static MicroVm.Engine.PortProtocol;
using static MicroVm.Engine.Tests.Network.FirewallWorld;

namespace MicroVm.Engine.Tests.RealQemu;

/// <summary>A guest on Nat: where it gets to, and who gets to it.</summary>
public sealed class NatTests(NetworkHome home) : QemuNetworkTests(home)
{
    private const string Closed = "ConnectionRefused";

    [GuestNetworkFact]
    public async Task Guest_and_world_meet_where_they_shall_and_nowhere_else()
    {
        VirtualMachine web = await Home.WebAsync();

        await AssertCoreAsync(web);
        // By IPv6 as well.
        using IDisposable six = Web.Serve(Far, FarAddress6, 8000);
        Assert.Equal($"you are {HostAddress6}", await GuestOf(web).FetchAsync($"http://[{FarAddress6}]:8000/"));
        Assert.Equal(NetworkGuest.Page, Web.Get(Far, HostAddress6, 8081));
        Assert.Contains("Permission denied", await GuestOf(web).AskAsync(Private6, 7001), StringComparison.Ordinal);
        // It is asked as whom it asks, never by the addresses that all guests have inside.
        Assert.Equal([$"{web.IPAddress}"], World.List().Links.Select(link => $"{link.U4}"));
    }

    [GuestNetworkFact]
    public async Task Four_megabytes_pass_a_narrow_path_both_ways()
    {
        VirtualMachine web = await Home.WebAsync();
        NetworkGuest guest = GuestOf(web);
        string digest = await guest.BigDigestAsync();
        using IDisposable collector = Web.Collect(Far, FarAddress, 9000);

        // Each way the guest is the one that has to learn of the narrow path, by errors that quote translated packets.
        Assert.Equal(digest, (await guest.AskAsync($"nc {FarAddress} 9000 </run/www/big")).Split(' ')[0]);
        Assert.Equal(digest, Web.GetDigest(Far, HostAddress, 8081, "/big"));
        // From the host's loopback the path is wide.
        Assert.Equal(digest, Web.GetDigest(Host, "127.0.0.1", 8080, "/big"));

        // Datagrams, whose size nobody clamps: the first answer is lost and teaches the guest, later ones come in pieces.
        byte[] datagram = Encoding.ASCII.GetBytes(new string('x', SmallMtu + 100));
        using Socket socket = Far.Run(() => new Socket(AddressFamily.InterNetwork, SocketType.Dgram, ProtocolType.Udp));
        await socket.ConnectAsync(HostAddress, 8008);
        using CancellationTokenSource limit = new(Limits.Generous);
        Assert.Equal(datagram, await ExchangeAsync(socket, datagram, limit.Token));
    }

    [GuestNetworkFact]
    public async Task Policy_changes_while_it_runs()
    {
        VirtualMachine web = await Home.WebAsync();
        NetworkGuest guest = GuestOf(web);
        using IDisposable world = Traffic.Serve(World.World, "0.0.0.0", 7001);
        using IDisposable host = Traffic.Serve(Host, "0.0.0.0", 7003);

        Assert.Equal(EgressPolicy.Default.ToString(), web.EgressPolicy);
        await SetAsync(web, "Open");
        Assert.Equal(HostAddress, await guest.AskAsync(Private, 7001));
        Assert.Equal(HostAddress, await guest.AskAsync(Metadata, 7001));
        await SetAsync(web, "Deny 10.0.0.0/8", "Allow tcp 192.0.2.2:7001", "None");
        Assert.Equal(HostAddress, await guest.AskAsync(WorldAddress, 7001));
        Assert.Contains(NetworkGuest.Refused, await guest.AskAsync(Private, 7001), StringComparison.Ordinal);
        await SetAsync(web, "None");
        Assert.Contains(NetworkGuest.Refused, await guest.AskAsync(WorldAddress, 7001), StringComparison.Ordinal);
        // Who asks the guest is answered all the same.
        Assert.Equal(NetworkGuest.Page, Web.Get(Far, HostAddress, 8081));
        await SetAsync(web, "Internet");
        Assert.Equal(HostAddress, await guest.AskAsync(WorldAddress, 7001));
        Assert.Contains(NetworkGuest.Refused, await guest.AskAsync(Metadata, 7001), StringComparison.Ordinal);
        Assert.Contains(NetworkGuest.Refused, await guest.AskAsync(HostAddress, 7003), StringComparison.Ordinal);
    }

    [GuestNetworkFact]
    public async Task Ports_open_and_close_while_it_runs()
    {
        VirtualMachine web = await Home.WebAsync();

        Assert.Equal(Closed, Web.Get(Host, "127.0.0.1", 8090));
        VirtualMachine more = await Engine.PublishAsync(web.Id, [Port("8090:80"), Port(":80"), Port("8009:7/udp")], Silent, CancellationToken.None);
        int free = more.PublishedPorts.Except(web.PublishedPorts).Single(port => port is { Protocol: Tcp, HostPort: not 8090 }).HostPort;
        Assert.Equal(NetworkGuest.Page, Web.Get(Host, "127.0.0.1", 8090));
        Assert.Equal(NetworkGuest.Page, Web.Get(Host, "127.0.0.1", free));
        Assert.Equal("echo\n", await EchoAsync(Host, "127.0.0.1", 8009));

        MicroVmException taken = await Assert.ThrowsAsync<MicroVmException>(() => Home.CloneAsync("thief", null, "8090:80"));
        Assert.Equal(ErrorIds.PortInUse, taken.ErrorId);
        Assert.Contains("'web'", taken.Message, StringComparison.Ordinal);
        using Socket program = Host.Run(() => new Socket(AddressFamily.InterNetwork, SocketType.Stream, ProtocolType.Tcp));
        program.Bind(new System.Net.IPEndPoint(System.Net.IPAddress.Any, 8091));
        program.Listen();
        taken = await Assert.ThrowsAsync<MicroVmException>(() => Engine.PublishAsync(web.Id, [Port("8091:80")], Silent, CancellationToken.None));
        Assert.Equal(ErrorIds.PortInUse, taken.ErrorId);
        Assert.Contains($"(pid {Environment.ProcessId})", taken.Message, StringComparison.Ordinal);

        Assert.Equal(web.PublishedPorts, (await Engine.UnpublishAsync(web.Id, [8090, free, 8009], null, CancellationToken.None)).PublishedPorts);
        Assert.Equal(Closed, Web.Get(Host, "127.0.0.1", 8090));
        Assert.Equal(Closed, Web.Get(Host, "127.0.0.1", free));
        Assert.Equal(web.PublishedPorts.Count, Home.Context.Ports.All().Count());
        Assert.Equal(NetworkGuest.Page, Web.Get(Host, "127.0.0.1", 8080));
    }

    [GuestNetworkFact]
    public async Task Address_and_ports_stay_whatever_becomes_of_the_VM()
    {
        VirtualMachine web = await Home.WebAsync();
        using Socket open = Far.Run(() => new Socket(AddressFamily.InterNetwork, SocketType.Stream, ProtocolType.Tcp));
        using CancellationTokenSource limit = new(Limits.Generous);
        await open.ConnectAsync(HostAddress, 8082, limit.Token);
        await SayAsync(open, "before", limit.Token);
        Assert.Equal("before", await HearAsync(open, limit.Token));

        await Engine.SuspendAsync(web.Id, Silent, CancellationToken.None);
        await SayAsync(open, "meanwhile", limit.Token);
        VirtualMachine resumed = await Engine.ResumeAsync(web.Id, Silent, CancellationToken.None);
        Assert.Equal("meanwhile", await HearAsync(open, limit.Token));
        AssertSame(web, resumed);

        VirtualMachine restored = await Engine.RestoreAsync(Home.Golden.SnapshotId, new RestoreOptions(), Silent, CancellationToken.None);
        AssertSame(web, restored);
        Assert.NotEqual(resumed.NetworkInterfaces[0].HostDevice, restored.NetworkInterfaces[0].HostDevice);
        await AssertCoreAsync(restored);

        VirtualMachine stopped = await Engine.StopAsync(web.Id, StopMode.TurnOff, TimeSpan.Zero, Silent, CancellationToken.None);
        AssertSame(web, stopped);
        Assert.Equal(Closed, Web.Get(Host, "127.0.0.1", 8080));
        Assert.Empty(World.List().Links);
        VirtualMachine started = await Engine.StartAsync(web.Id, Silent, CancellationToken.None);
        AssertSame(web, started);
        await Engine.WaitAgentAsync(web.Id, TimeSpan.FromSeconds(60), Silent, CancellationToken.None);
        await GuestOf(started).ServeAsync();
        await AssertCoreAsync(started);
    }

    [GuestNetworkFact]
    public async Task Clone_is_somebody_else_and_publishes_what_it_is_told()
    {
        VirtualMachine web = await Home.WebAsync();
        RecordingObserver observer = new();
        VirtualMachine first = await Home.CloneAsync("first", observer);
        RecordingObserver quiet = new();
        VirtualMachine second = await Home.CloneAsync("second", quiet, "0.0.0.0:8095:80");

        Assert.Equal(3, ((string[])[web.IPAddress!, first.IPAddress!, second.IPAddress!]).Distinct().Count());
        Assert.Empty(first.PublishedPorts);
        string warning = Assert.Single(observer.Warnings);
        Assert.All(web.PublishedPorts, port => Assert.Contains(port.ToString(), warning, StringComparison.Ordinal));
        Assert.Empty(quiet.Warnings);
        Assert.Equal(NetworkGuest.Page, Web.Get(Far, HostAddress, 8095));
        Assert.Equal(NetworkGuest.Page, Web.Get(Far, HostAddress, 8081));
        // Out they all get, but not to each other.
        using IDisposable world = Web.Serve(Far, FarAddress, 8000);
        Assert.Equal($"you are {HostAddress}", await GuestOf(first).FetchAsync($"http://{FarAddress}:8000/"));
        Assert.Contains(NetworkGuest.Refused, await GuestOf(first).AskAsync(web.IPAddress!, 80), StringComparison.Ordinal);
        Assert.Contains(NetworkGuest.Refused, await GuestOf(web).AskAsync(first.IPAddress!, 80), StringComparison.Ordinal);
        // Another guest's published port is a door like any other of the host's: closed.
        Assert.Contains(NetworkGuest.Refused, await GuestOf(first).AskAsync(HostAddress, 8081), StringComparison.Ordinal);
        Assert.Equal(NetworkGuest.Page, Web.Get(Host, first.IPAddress!, 80));
    }

    [GuestNetworkFact]
    public async Task Sixty_four_clones_of_one_snapshot_are_sixty_four()
    {
        const int Count = 64;
        await Home.WebAsync();
        VirtualMachine[] clones = new VirtualMachine[Count];
        await Parallel.ForEachAsync(Enumerable.Range(0, Count), new ParallelOptions { MaxDegreeOfParallelism = 4 }, async (i, token) =>
            clones[i] = await Engine.RestoreAsync(Home.Golden.SnapshotId, new RestoreOptions { NewName = $"clone-{i}", NoFixup = true, PublishedPorts = [] }, Silent, token));

        Assert.Equal(Count, clones.Select(clone => clone.IPAddress).Distinct().Count());
        Assert.Equal(Count, clones.Select(clone => clone.NetworkInterfaces[0].HostDevice).Distinct().Count());
        Assert.All(clones, clone => Assert.Equal(VmState.Running, Now(clone).State));
        // Each says that it was asked for the first time: no two addresses lead to one guest.
        Assert.All(clones, clone => Assert.Equal("1\n", Greet(clone)));
        Assert.All(clones, clone => Assert.Equal("2\n", Greet(clone)));
        await Home.RemoveAllAsync(machine => machine.Name.StartsWith("clone-", StringComparison.Ordinal));
        Assert.Equal(["web"], Home.Context.Slots.All().Select(claim => Engine.FindMachine(claim.Machine)!.Name));
        Assert.Single(World.List().Links);
    }

    [GuestNetworkFact]
    public async Task Port_of_a_VM_that_was_killed_leads_nowhere_after_the_next_verb()
    {
        VirtualMachine clone = await Home.CloneAsync("killed", null, "0.0.0.0:8095:80", "8096:80");
        Assert.Equal(NetworkGuest.Page, Web.Get(Far, HostAddress, 8095));
        using (ProcessDescriptor process = ProcessDescriptor.TryOpen(clone.ProcessId!.Value)!)
        {
            process.Signal(Signals.Kill);
            process.WaitForEnd(Limits.Generous, CancellationToken.None);
        }

        // Another verb tidies up on its way; what no verb comes by, repair does.
        Assert.Equal(VmState.Failed, (await Engine.StopAsync(clone.Id, StopMode.TurnOff, TimeSpan.Zero, Silent, CancellationToken.None)).State);
        Assert.Equal(Closed, Web.Get(Far, HostAddress, 8095));
        Assert.Equal(Closed, Web.Get(Host, "127.0.0.1", 8096));
        Assert.Single(World.List().Links);
        // They are still its own.
        Assert.Equal(2, Now(clone).PublishedPorts.Count);
        MicroVmException taken = await Assert.ThrowsAsync<MicroVmException>(() => Home.CloneAsync("thief", null, "8096:80"));
        Assert.Contains("'killed'", taken.Message, StringComparison.Ordinal);
        Assert.Empty(Engine.FindRepairs());
    }

    [GuestNetworkFact]
    public async Task Rules_that_were_flushed_come_back_with_repair_and_with_the_next_VM()
    {
        VirtualMachine web = await Home.WebAsync();
        Host.Tool(["nft", "flush", "ruleset"]);
        Assert.Equal(Closed, Web.Get(Far, HostAddress, 8081));
        RepairAction missing = Assert.Single(Engine.FindRepairs());
        Assert.Equal((RepairKind.MissingFirewallEntry, "web"), (missing.Kind, missing.Target));
        Assert.Equal(RepairResult.Done, (await Engine.RepairAsync(missing, Silent, CancellationToken.None)).Result);
        Assert.Empty(Engine.FindRepairs());
        await AssertCoreAsync(web);

        Host.Tool(["nft", "flush", "ruleset"]);
        await Home.CloneAsync("next");
        Assert.Empty(Engine.FindRepairs());
        await AssertCoreAsync(web);
    }

    [GuestNetworkFact("iptables-nft-restore", "ip6tables-nft-restore")]
    public async Task All_of_it_beside_Docker()
    {
        VirtualMachine web = await Home.WebAsync();
        try
        {
            Docker.Start(Host);
            Assert.Equal("silence", Traffic.Ask(Far, Tcp, HostAddress, 8082, expectSilence: true));

            // The next VM opens the way for all of them.
            VirtualMachine clone = await Home.CloneAsync("clone", null, "0.0.0.0:8095:80");
            Assert.Equal(NetworkGuest.Page, Web.Get(Far, HostAddress, 8095));
            await AssertCoreAsync(web);
            using IDisposable world = Web.Serve(Far, FarAddress, 8000);
            Assert.Equal($"you are {HostAddress}", await GuestOf(clone).FetchAsync($"http://{FarAddress}:8000/"));
            Assert.Contains(NetworkGuest.Refused, await GuestOf(clone).AskAsync(web.IPAddress!, 80), StringComparison.Ordinal);
            string digest = await GuestOf(web).BigDigestAsync();
            Assert.Equal(digest, Web.GetDigest(Far, HostAddress, 8081, "/big"));
        }
        finally
        {
            Docker.Stop(Host);
        }
    }

    // What every guest on Nat can and cannot; it publishes what the shared one does.
    private async Task AssertCoreAsync(VirtualMachine machine)
    {
        NetworkGuest guest = GuestOf(machine);
        using IDisposable far = Web.Serve(Far, FarAddress, 8000);
        using IDisposable world = Traffic.Serve(World.World, "0.0.0.0", 7001);
        using IDisposable host = Traffic.Serve(Host, "0.0.0.0", 7003);

        Assert.Equal($"you are {HostAddress}", await guest.FetchAsync($"http://{FarAddress}:8000/"));
        Assert.Equal(HostAddress, await guest.AskAsync(WorldAddress, 7001));
        foreach ((string address, int port) in ((string, int)[])[(Metadata, 7001), (Private, 7001), (HostAddress, 7003), ("198.18.128.77", 80)])
        {
            Assert.Contains(NetworkGuest.Refused, await guest.AskAsync(address, port), StringComparison.Ordinal);
        }

        // The gateway is nobody but the guest's own namespace, in which nothing listens.
        Assert.Contains("Connection refused", await guest.AskAsync("169.254.0.22", 7003), StringComparison.Ordinal);
        string resolved = await guest.ResolveAsync("some.example.org");
        Assert.Contains("169.254.0.53", resolved, StringComparison.Ordinal);
        Assert.Contains(WorldAddress, resolved, StringComparison.Ordinal);
        Assert.Contains($"some.example.org {HostAddress}", Home.Names.Asked);
        // The private range is open to questions for names and for nothing else.
        Assert.Contains(NetworkGuest.Refused, await guest.AskAsync(Private, 53), StringComparison.Ordinal);

        Assert.Equal(NetworkGuest.Page, Web.Get(Host, "127.0.0.1", 8080));
        Assert.Equal(NetworkGuest.Page, Web.Get(Host, "127.0.0.1", 8081));
        Assert.Equal(NetworkGuest.Page, Web.Get(Host, HostAddress, 8081));
        Assert.Equal(NetworkGuest.Page, Web.Get(Far, HostAddress, 8081));
        Assert.Equal(Closed, Web.Get(Far, HostAddress, 8080));
        Assert.Equal("echo\n", await EchoAsync(Host, "127.0.0.1", 8007));
        Assert.Equal("echo\n", await EchoAsync(Far, HostAddress, 8008));
    }

    private static void AssertSame(VirtualMachine before, VirtualMachine after)
    {
        Assert.Equal((before.IPAddress, before.NetworkInterfaces[0].IPv6Address, before.EgressPolicy), (after.IPAddress, after.NetworkInterfaces[0].IPv6Address, after.EgressPolicy));
        Assert.Equal(before.PublishedPorts, after.PublishedPorts);
    }

    private static PublishedPort Port(string text) => PublishedPort.TryParse(text)!;

    private Task SetAsync(VirtualMachine machine, params string[] policy) =>
        Engine.SetAsync(machine.Id, new MachineUpdate { Egress = EgressPolicy.TryParse(policy) }, Silent, CancellationToken.None);

    private string Greet(VirtualMachine machine)
    {
        using Socket socket = TestNetwork.Connect(Host, new System.Net.IPEndPoint(System.Net.IPAddress.Parse(machine.IPAddress!), 81), Limits.Generous);
        socket.ReceiveTimeout = (int)Limits.Generous.TotalMilliseconds;
        byte[] answer = new byte[16];
        return Encoding.ASCII.GetString(answer, 0, socket.Receive(answer));
    }

    private static async Task<string> EchoAsync(TestNamespace place, string address, int port)
    {
        using Socket socket = place.Run(() => new Socket(AddressFamily.InterNetwork, SocketType.Dgram, ProtocolType.Udp));
        await socket.ConnectAsync(address, port);
        using CancellationTokenSource limit = new(Limits.Generous);
        return Encoding.ASCII.GetString(await ExchangeAsync(socket, "echo\n"u8.ToArray(), limit.Token));
    }

    // Datagrams may be lost: asked again until there is an answer.
    private static async Task<byte[]> ExchangeAsync(Socket socket, byte[] datagram, CancellationToken cancellationToken)
    {
        byte[] answer = new byte[65535];
        while (true)
        {
            await socket.SendAsync(datagram, cancellationToken);
            using CancellationTokenSource wait = CancellationTokenSource.CreateLinkedTokenSource(cancellationToken);
            wait.CancelAfter(TimeSpan.FromMilliseconds(300));
            try
            {
                return answer[..await socket.ReceiveAsync(answer, wait.Token)];
            }
            catch (OperationCanceledException) when (!cancellationToken.IsCancellationRequested)
            {
                // Again.
            }
        }
    }

    private static async Task SayAsync(Socket socket, string text, CancellationToken cancellationToken) =>
        await socket.SendAsync(Encoding.ASCII.GetBytes(text), cancellationToken);

    private static async Task<string> HearAsync(Socket socket, CancellationToken cancellationToken)
    {
        byte[] answer = new byte[100];
        return Encoding.ASCII.GetString(answer, 0, await socket.ReceiveAsync(answer, cancellationToken));
    }
}
