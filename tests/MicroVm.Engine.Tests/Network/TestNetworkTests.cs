using System.Net;
using System.Net.Sockets;
using System.Text;
using MicroVm.Engine.Tests.Support;

namespace MicroVm.Engine.Tests.Network;

/// <summary>The fixture itself: what others prove with it is worth no more than it is.</summary>
public sealed class TestNetworkTests
{
    [NetworkFact]
    public void Host_and_world_talk_and_the_machine_sees_nothing_of_it()
    {
        using TestNetwork net = new();
        int tcp = net.ServeTcp(net.World, IPAddress.IPv6Any);
        int udp = net.ServeUdp(net.World, TestNetwork.WorldAddress);

        using Socket connected = TestNetwork.Connect(net.Host, new IPEndPoint(TestNetwork.WorldAddress, tcp), Limits.Generous);
        using StreamReader reader = new(new NetworkStream(connected), Encoding.ASCII);
        connected.Send("hello\n"u8);
        Assert.Contains($"{TestNetwork.HostAddress}", reader.ReadLine(), StringComparison.Ordinal);
        Assert.Equal("hello", reader.ReadLine());

        using Socket asking = net.Host.Run(() => new Socket(AddressFamily.InterNetwork, SocketType.Dgram, ProtocolType.Udp));
        asking.ReceiveTimeout = (int)Limits.Generous.TotalMilliseconds;
        asking.SendTo("hello"u8, new IPEndPoint(TestNetwork.WorldAddress, udp));
        byte[] answer = new byte[100];
        Assert.EndsWith("\nhello", Encoding.ASCII.GetString(answer, 0, asking.Receive(answer)), StringComparison.Ordinal);

        Assert.Throws<SocketException>(() => TestNetwork.Connect(net.Host, new IPEndPoint(IPAddress.Loopback, tcp), Limits.Generous));
        Assert.DoesNotContain(TestNetwork.Uplink, File.ReadAllText("/proc/net/dev"), StringComparison.Ordinal);
    }
}
