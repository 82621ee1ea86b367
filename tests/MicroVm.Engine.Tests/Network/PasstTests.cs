using System.Net;
using System.Net.Sockets;
using System.Text;
using MicroVm.Engine.Errors;
using MicroVm.Engine.Native;
using MicroVm.Engine.Network;
using MicroVm.Engine.Tests.Support;

namespace MicroVm.Engine.Tests.Network;

public sealed class PasstTests
{
    [PasstFact]
    public void Guest_reaches_the_world_by_TCP_UDP_and_IPv6()
    {
        using PasstWorld world = new(ipv6: true);
        using NetworkBackend backend = world.Start();
        world.Attach(backend);
        using Socket listener = world.World.Listener(PasstWorld.WorldAddress, 9000);
        using Socket receiver = world.World.Receiver(PasstWorld.WorldAddress, 9001);
        using Socket listenerV6 = world.World.Socket(SocketType.Stream, AddressFamily.InterNetworkV6);
        listenerV6.Bind(new IPEndPoint(IPAddress.Parse("2001:db8::1"), 9000));
        listenerV6.Listen(1);

        Talk(world.Guest.Socket(SocketType.Stream), PasstWorld.WorldAddress, 9000, listener);
        Talk(world.Guest.Socket(SocketType.Stream, AddressFamily.InterNetworkV6), "2001:db8::1", 9000, listenerV6);
        using Socket asker = world.Guest.Socket(SocketType.Dgram);
        asker.Connect(IPAddress.Parse(PasstWorld.WorldAddress), 9001);
        Assert.Equal("from the guest", Exchange(asker, receiver, "from the guest"));
        Reap(backend);
    }

    [PasstFact]
    public void Published_ports_lead_to_the_guest_and_no_others_are_taken()
    {
        using PasstWorld world = new();
        using NetworkBackend backend = world.Start(
            new PublishedPort("127.0.0.1", 8080, 80), new PublishedPort(PasstWorld.HostAddress, 8081, 81), new PublishedPort("0.0.0.0", 5353, 53, PortProtocol.Udp));
        world.Attach(backend);
        using Socket local = world.Guest.Listener(PasstWorld.GuestAddress, 80);
        using Socket outside = world.Guest.Listener(PasstWorld.GuestAddress, 81);
        using Socket receiver = world.Guest.Receiver(PasstWorld.GuestAddress, 53);

        Talk(world.Host.Socket(SocketType.Stream), "127.0.0.1", 8080, local);
        Talk(world.World.Socket(SocketType.Stream), PasstWorld.HostAddress, 8081, outside);
        using Socket asker = world.World.Socket(SocketType.Dgram);
        asker.Connect(IPAddress.Parse(PasstWorld.HostAddress), 5353);
        Assert.Equal("question", Exchange(asker, receiver, "question"));

        Assert.Equal(
            ["tcp 127.0.0.1:8080", "tcp 203.0.113.5:8081", "udp 0.0.0.0:5353"],
            world.Host.Execute("ss", "-Htuln").Split('\n', StringSplitOptions.RemoveEmptyEntries).Select(line => line.Split(' ', StringSplitOptions.RemoveEmptyEntries)).Select(fields => $"{fields[0]} {fields[4]}").Order());
        Reap(backend);
    }

    [PasstFact]
    public void Gateway_is_not_the_hosts_loopback()
    {
        using PasstWorld world = new();
        using NetworkBackend backend = world.Start();
        world.Attach(backend);
        using Socket listener = world.Host.Listener("127.0.0.1", 9000);
        using Socket receiver = world.Host.Receiver("127.0.0.1", 9001);
        using Socket witness = world.World.Receiver(PasstWorld.WorldAddress, 9001);
        using Socket asker = world.Guest.Socket(SocketType.Dgram);

        asker.SendTo("knock"u8, new IPEndPoint(IPAddress.Parse(PasstWorld.Gateway), 9001));
        using (Socket caller = world.Guest.Socket(SocketType.Stream))
        {
            // Refused or never answered: it is the connection that must not come about.
            IAsyncResult attempt = caller.BeginConnect(IPAddress.Parse(PasstWorld.Gateway), 9000, null, null);
            asker.SendTo("after"u8, new IPEndPoint(IPAddress.Parse(PasstWorld.WorldAddress), 9001));
            Assert.Equal(5, witness.Receive(new byte[16]));
            Assert.False(attempt.IsCompleted && caller.Connected);
        }

        // What was sent before came through, so these would have.
        Assert.Equal(0, receiver.Available);
        Assert.False(listener.Poll(0, SelectMode.SelectRead));
        Reap(backend);
    }

    [PasstFact]
    public void Ends_when_nobody_holds_its_socket_any_more()
    {
        using PasstWorld world = new();
        NetworkBackend backend = world.Start();
        Action kill = world.Attach(backend);
        using ProcessDescriptor process = ProcessDescriptor.TryOpen(backend.Helper!.ProcessId)!;

        // As the engine does once the VMM has it.
        backend.Dispose();
        using Socket listener = world.World.Listener(PasstWorld.WorldAddress, 9000);
        Talk(world.Guest.Socket(SocketType.Stream), PasstWorld.WorldAddress, 9000, listener);
        Assert.True(backend.Helper.IsAlive);

        kill();
        Assert.True(process.WaitForEnd(Limits.Generous, CancellationToken.None));
        Assert.NotNull(process.TryReap());
    }

    [PasstFact]
    public void Taken_port_is_a_typed_error_that_names_who_has_it()
    {
        using PasstWorld world = new();
        using Socket holder = world.Host.Listener("0.0.0.0", 8080);

        MicroVmException error = Assert.Throws<MicroVmException>(() => world.Start(new PublishedPort("127.0.0.1", 8081, 81), new PublishedPort("127.0.0.1", 8080, 80)));

        Assert.Equal(ErrorIds.PortInUse, error.ErrorId);
        Assert.Equal("127.0.0.1:8080:80/tcp", error.Target);
        Assert.Contains($"(pid {Environment.ProcessId})", error.Message, StringComparison.Ordinal);
        Assert.Empty(world.Host.Processes());
    }

    [PasstFact]
    public void Address_that_is_not_the_hosts_is_a_typed_error()
    {
        using PasstWorld world = new();

        MicroVmException error = Assert.Throws<MicroVmException>(() => world.Start(new PublishedPort("192.0.2.99", 8080, 80)));

        Assert.Equal(ErrorIds.AddressNotAvailable, error.ErrorId);
    }

    [PasstFact]
    public void Two_addresses_for_one_port_fail_with_the_words_of_passt()
    {
        using PasstWorld world = new();

        try
        {
            // Newer versions can.
            using NetworkBackend backend = world.Start(new PublishedPort("127.0.0.1", 8080, 80), new PublishedPort(PasstWorld.HostAddress, 8080, 81));
            Reap(backend);
        }
        catch (MicroVmException error)
        {
            Assert.Equal(ErrorIds.ToolFailed, error.ErrorId);
            Assert.Contains("verlapping", error.Message, StringComparison.Ordinal);
            Assert.NotNull(error.RecommendedAction);
        }

        Assert.Empty(world.Host.Processes());
    }

    [PasstFact]
    public void Host_without_a_default_route_is_a_typed_error()
    {
        using PasstWorld world = new();
        world.Host.Ip("route", "delete", "default");

        Assert.Equal(ErrorIds.NoDefaultRoute, Assert.Throws<MicroVmException>(() => world.Start()).ErrorId);
    }

    [PasstFact]
    public void Cancelled_start_leaves_nothing()
    {
        using PasstWorld world = new();
        using CancellationTokenSource cancelled = new();
        cancelled.Cancel();

        Assert.Throws<OperationCanceledException>(() => world.Host.Within(() => Passt.Start(PasstWorld.Device, [], 1500, null, cancelled.Token)));

        Assert.Empty(world.Host.Processes());
    }

    [PasstFact]
    public void Program_that_is_not_passt_is_refused_with_what_it_lacks()
    {
        MicroVmException error = Assert.Throws<MicroVmException>(() => PasstProgram.Find(ProgramFinder.Find("true")));

        Assert.Equal((ErrorIds.ToolFailed, ErrorKind.NotSupported), (error.ErrorId, error.Kind));
        Assert.Contains("--no-map-gw", error.Message, StringComparison.Ordinal);
    }

    [PasstFact]
    public void Ordinary_user_can_run_it_and_nothing_stays_of_an_engine_that_is_killed()
    {
        using PasstWorld world = new();
        using Scratch scratch = new();
        string output = scratch.File("said");
        using TestProcess engine = world.Host.Within(() => TestProcess.Start(
            output, "setpriv", "--reuid", "12345", "--regid", "12345", "--clear-groups", Environment.ProcessPath!, "exec", typeof(PasstTests).Assembly.Location, "passt"));
        string said = "";
        Assert.True(SpinWait.SpinUntil(() => (said = File.ReadAllText(output)).EndsWith('\n') || !engine.Identity.IsAlive, Limits.Generous));
        Assert.True(int.TryParse(said.Trim(), out int passt), said);
        Assert.Contains("12345", File.ReadLines($"/proc/{passt}/status").First(line => line.StartsWith("Uid:", StringComparison.Ordinal)), StringComparison.Ordinal);
        using ProcessDescriptor process = ProcessDescriptor.TryOpen(passt)!;

        engine.Signal(Signals.Kill);

        Assert.True(process.WaitForEnd(Limits.Generous, CancellationToken.None));
    }

    // What the caller says to whom it reaches, and back.
    private static void Talk(Socket caller, string address, int port, Socket listener)
    {
        using (caller)
        {
            caller.Connect(IPAddress.Parse(address), port);
            // First of all: passt of 2023 completes a connection to a guest only when there is something to say.
            caller.Send("hello"u8);
            Assert.True(listener.Poll(Limits.Generous, SelectMode.SelectRead), $"Nobody came to {listener.LocalEndPoint}.");
            using Socket accepted = listener.Accept();
            accepted.ReceiveTimeout = (int)Limits.Generous.TotalMilliseconds;
            byte[] buffer = new byte[16];
            Assert.Equal("hello", Encoding.ASCII.GetString(buffer, 0, accepted.Receive(buffer)));
            accepted.Send("you"u8);
            Assert.Equal("you", Encoding.ASCII.GetString(buffer, 0, caller.Receive(buffer)));
        }
    }

    private static string Exchange(Socket asker, Socket answerer, string text)
    {
        byte[] buffer = new byte[64];
        asker.Send(Encoding.ASCII.GetBytes(text));
        EndPoint from = new IPEndPoint(IPAddress.Any, 0);
        int length = answerer.ReceiveFrom(buffer, ref from);
        answerer.SendTo(buffer.AsSpan(0, length), from);
        return Encoding.ASCII.GetString(buffer, 0, asker.Receive(buffer));
    }

    private static void Reap(NetworkBackend backend)
    {
        using ProcessDescriptor process = ProcessDescriptor.TryOpen(backend.Helper!.ProcessId)!;
        process.Signal(Signals.Kill);
        Assert.True(process.WaitForEnd(Limits.Generous, CancellationToken.None));
        process.TryReap();
    }
}
