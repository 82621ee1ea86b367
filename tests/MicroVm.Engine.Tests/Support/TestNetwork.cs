using System.Net;
using System.Net.Sockets;
using System.Text;

namespace MicroVm.Engine.Tests.Support;

/// <summary>
/// A host and a world in namespaces of the test's own, joined by a cable: nothing of the machine's network is touched or seen. The host has its default route
/// into the world; the world knows no way to anything behind the host.
/// </summary>
internal sealed class TestNetwork : IDisposable
{
    /// <summary>The host's device towards the world.</summary>
    public const string Uplink = "wan0";

    private readonly CancellationTokenSource _end = new();
    private readonly List<IDisposable> _servers = [];

    public TestNetwork()
    {
        Host.Run("ip", "link", "add", Uplink, "type", "veth", "peer", "name", "host0", "netns", World.Path);
        foreach ((TestNamespace side, string device, string four, string six) in (ReadOnlySpan<(TestNamespace, string, string, string)>)[
            (Host, Uplink, $"{HostAddress}/24", $"{HostAddressV6}/64"), (World, "host0", $"{WorldAddress}/24", $"{WorldAddressV6}/64")])
        {
            side.Run("ip", "address", "add", four, "dev", device);
            side.Run("ip", "address", "add", six, "dev", device, "nodad");
            side.Run("ip", "link", "set", device, "up");
        }

        Host.Run("ip", "route", "add", "default", "via", WorldAddress.ToString());
        Host.Run("ip", "route", "add", "default", "via", WorldAddressV6.ToString());
    }

    /// <summary>The host. <see cref="TestNamespace.Network"/> is what the engine works with.</summary>
    public TestNamespace Host { get; } = new();

    /// <summary>Everything outside.</summary>
    public TestNamespace World { get; } = new();

    public static IPAddress HostAddress { get; } = IPAddress.Parse("203.0.113.1");

    public static IPAddress HostAddressV6 { get; } = IPAddress.Parse("2001:db8:1::1");

    public static IPAddress WorldAddress { get; } = IPAddress.Parse("203.0.113.2");

    public static IPAddress WorldAddressV6 { get; } = IPAddress.Parse("2001:db8:1::2");

    /// <summary>Serves in a namespace: whoever connects is told who they are to the server ("203.0.113.1:40000\n"), then has back what they send.</summary>
    /// <returns>The port.</returns>
    public int ServeTcp(TestNamespace side, IPAddress address, int port = 0)
    {
        Socket listener = side.Run(() =>
        {
            Socket socket = new(address.AddressFamily, SocketType.Stream, ProtocolType.Tcp);
            AnswerBoth(socket, address);
            socket.Bind(new IPEndPoint(address, port));
            socket.Listen();
            return socket;
        });
        _servers.Add(listener);
        _ = Task.Run(() => AcceptAsync(listener));
        return ((IPEndPoint)listener.LocalEndPoint!).Port;
    }

    /// <summary>Answers each datagram in a namespace with who sent it, a new line, and what it said.</summary>
    /// <returns>The port.</returns>
    public int ServeUdp(TestNamespace side, IPAddress address, int port = 0)
    {
        Socket socket = side.Run(() =>
        {
            Socket made = new(address.AddressFamily, SocketType.Dgram, ProtocolType.Udp);
            AnswerBoth(made, address);
            made.Bind(new IPEndPoint(address, port));
            return made;
        });
        _servers.Add(socket);
        _ = Task.Run(() => AnswerAsync(socket));
        return ((IPEndPoint)socket.LocalEndPoint!).Port;
    }

    /// <summary>Connects from within a namespace; the caller owns the socket.</summary>
    /// <exception cref="SocketException">Refused, or not reached within <paramref name="limit"/>.</exception>
    public static Socket Connect(TestNamespace side, IPEndPoint to, TimeSpan limit)
    {
        Socket socket = side.Run(() => new Socket(to.AddressFamily, SocketType.Stream, ProtocolType.Tcp));
        try
        {
            using CancellationTokenSource end = new(limit);
            socket.ConnectAsync(to, end.Token).AsTask().GetAwaiter().GetResult();
            return socket;
        }
        catch (OperationCanceledException)
        {
            socket.Dispose();
            throw new SocketException((int)SocketError.TimedOut);
        }
        catch
        {
            socket.Dispose();
            throw;
        }
    }

    public void Dispose()
    {
        _end.Cancel();
        _servers.ForEach(server => server.Dispose());
        Host.Dispose();
        World.Dispose();
        _end.Dispose();
    }

    // IPv6Any means any address at all.
    private static void AnswerBoth(Socket socket, IPAddress address)
    {
        if (address.Equals(IPAddress.IPv6Any))
        {
            socket.DualMode = true;
        }
    }

    private async Task AcceptAsync(Socket listener)
    {
        try
        {
            while (true)
            {
                Socket client = await listener.AcceptAsync(_end.Token);
                _ = Task.Run(() => EchoAsync(client));
            }
        }
        catch (Exception exception) when (exception is SocketException or OperationCanceledException or ObjectDisposedException)
        {
            // The end of the test.
        }
    }

    private async Task EchoAsync(Socket client)
    {
        try
        {
            using NetworkStream stream = new(client, ownsSocket: true);
            await stream.WriteAsync(Encoding.ASCII.GetBytes($"{client.RemoteEndPoint}\n"), _end.Token);
            await stream.CopyToAsync(stream, _end.Token);
        }
        catch (Exception exception) when (exception is IOException or OperationCanceledException or ObjectDisposedException)
        {
            // The client has gone, or the end of the test.
        }
    }

    private async Task AnswerAsync(Socket socket)
    {
        byte[] buffer = new byte[65_536];
        EndPoint anyone = new IPEndPoint(socket.AddressFamily == AddressFamily.InterNetwork ? IPAddress.Any : IPAddress.IPv6Any, 0);
        try
        {
            while (true)
            {
                SocketReceiveFromResult received = await socket.ReceiveFromAsync(buffer, anyone, _end.Token);
                byte[] answer = [.. Encoding.ASCII.GetBytes($"{received.RemoteEndPoint}\n"), .. buffer.AsSpan(0, received.ReceivedBytes)];
                await socket.SendToAsync(answer, received.RemoteEndPoint, _end.Token);
            }
        }
        catch (Exception exception) when (exception is SocketException or OperationCanceledException or ObjectDisposedException)
        {
            // The end of the test.
        }
    }
}
