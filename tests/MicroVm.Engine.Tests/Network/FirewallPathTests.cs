using MicroVm.Engine.Tests.Support;
using static MicroVm.Engine.PortProtocol;
using static MicroVm.Engine.Tests.Network.FirewallWorld;

namespace MicroVm.Engine.Tests.Network;

/// <summary>Paths with a smaller MTU, and the errors of ICMP by which it becomes known.</summary>
public sealed class FirewallPathTests : IDisposable
{
    private readonly FirewallWorld _world = new();
    private readonly TestNamespace _guest;

    public FirewallPathTests()
    {
        _world.Ensure();
        // Who is far away says it takes more than the path does, so that the sizes of TCP's segments do not settle it.
        _world.Far.Ip("route replace default via 203.0.113.1 advmss 1460", "-6 route replace default via 2001:db8:2::1 advmss 1440");
        _guest = _world.AddGuest(1, out MicroVm.Engine.Network.FirewallEntry entry);
        _world.Attach(entry with { Ports = [PublishedPort.TryParse("0.0.0.0:8080:80")!, PublishedPort.TryParse("[::]:8080:80")!, PublishedPort.TryParse("0.0.0.0:8081:81/udp")!, PublishedPort.TryParse("[::]:8081:81/udp")!] });
    }

    public void Dispose() => _world.Dispose();

    [FirewallFact]
    public void Guest_learns_of_a_smaller_hop_far_away_when_it_sends()
    {
        using Traffic.Server four = Traffic.Serve(_world.Far, FarAddress, 7000);
        using Traffic.Server six = Traffic.Serve(_world.Far, FarAddress6, 7000);

        using Traffic.Client client = Traffic.Connect(_guest, Tcp, FarAddress, 7000);
        using Traffic.Client client6 = Traffic.Connect(_guest, Tcp, FarAddress6, 7000);
        Assert.Equal(HostAddress, client.SendLong());
        Assert.Equal(HostAddress6, client6.SendLong());

        Assert.Contains($"mtu {SmallMtu}", PathTo(FarAddress), StringComparison.Ordinal);
        Assert.Contains($"mtu {SmallMtu}", PathTo(FarAddress6), StringComparison.Ordinal);
    }

    [FirewallFact]
    public void Guest_learns_of_a_smaller_hop_far_away_when_it_answers()
    {
        using Traffic.Server four = Traffic.Serve(_guest, "169.254.0.21", 80);
        using Traffic.Server six = Traffic.Serve(_guest, "fd6d:6963:766d::15", 80);
        using Traffic.Client client = Traffic.Connect(_world.Far, Tcp, HostAddress, 8080);
        using Traffic.Client client6 = Traffic.Connect(_world.Far, Tcp, HostAddress6, 8080);
        Assert.Equal($"{Traffic.LongAnswer}", client.AskLong());
        Assert.Equal($"{Traffic.LongAnswer}", client6.AskLong());
        Assert.Contains($"mtu {SmallMtu}", PathTo(FarAddress), StringComparison.Ordinal);
        Assert.Contains($"mtu {SmallMtu}", PathTo(FarAddress6), StringComparison.Ordinal);
    }

    [FirewallFact]
    public void Nobody_has_to_learn_of_a_smaller_hop_that_is_the_hosts()
    {
        _world.Host.Ip($"link set eth0 mtu {SmallMtu}");
        using Traffic.Server four = Traffic.Serve(_world.Far, FarAddress, 7000);
        using Traffic.Server six = Traffic.Serve(_world.Far, FarAddress6, 7000);

        using Traffic.Client client = Traffic.Connect(_guest, Tcp, FarAddress, 7000);
        using Traffic.Client client6 = Traffic.Connect(_guest, Tcp, FarAddress6, 7000);
        Assert.Equal(HostAddress, client.SendLong());
        Assert.Equal(HostAddress6, client6.SendLong());

        Assert.DoesNotContain("mtu", PathTo(FarAddress), StringComparison.Ordinal);
        Assert.DoesNotContain("mtu", PathTo(FarAddress6), StringComparison.Ordinal);
    }

    [FirewallFact]
    public void Errors_of_the_guest_reach_who_asked()
    {
        Assert.Equal("ConnectionRefused", Traffic.Ask(_world.Far, Udp, HostAddress, 8081));
        Assert.Equal("ConnectionRefused", Traffic.Ask(_world.Far, Udp, HostAddress6, 8081));
        Assert.Equal("ConnectionRefused", Traffic.Ask(_world.Host, Udp, "127.0.0.1", 8081));
    }

    [FirewallFact]
    public void Errors_that_quote_are_sound_to_the_last_checksum()
    {
        // The kernel counts what it does not believe; what it quotes to itself it believes anyway, so this looks at the quoted header too.
        _guest.Tool(["nft", "-f", "-"], """
            table inet check {
                chain input {
                    type filter hook input priority 0;
                    icmp type destination-unreachable @th,160,32 0xa9fe0015 counter
                }
            }

            """);

        Assert.Equal("ConnectionRefused", Traffic.Ask(_guest, Udp, FarAddress, 7999));
        Assert.Equal("ConnectionRefused", Traffic.Ask(_guest, Udp, FarAddress6, 7999));
        Assert.Contains("counter packets 1 ", _guest.Tool(["nft", "list", "table", "inet", "check"]), StringComparison.Ordinal);
    }

    private string PathTo(string address) => _guest.Tool(["ip", "route", "get", address]);
}
