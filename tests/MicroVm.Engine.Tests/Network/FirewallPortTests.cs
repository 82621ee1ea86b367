using System.Net;
using MicroVm.Engine.Network;
using MicroVm.Engine.Tests.Support;
using static MicroVm.Engine.PortProtocol;
using static MicroVm.Engine.Tests.Network.FirewallWorld;

namespace MicroVm.Engine.Tests.Network;

/// <summary>Who reaches guests, and how guests reach name servers.</summary>
public sealed class FirewallPortTests : IDisposable
{
    private const string Closed = "ConnectionRefused";

    private readonly FirewallWorld _world = new();

    public FirewallPortTests() => _world.Ensure();

    public void Dispose() => _world.Dispose();

    [FirewallFact]
    public void Port_on_the_loopback_is_for_the_host_alone()
    {
        TestNamespace guest = Attach(1, "8080:80", "8053:53/udp");
        using Traffic.Server web = Traffic.Serve(guest, "0.0.0.0", 80);
        using Traffic.Server names = Traffic.Serve(guest, "0.0.0.0", 53);
        using Traffic.Server inTheWay = Traffic.Serve(_world.Host, HostAddress, 8080);

        Assert.Equal("169.254.1.1", Traffic.Ask(_world.Host, Tcp, "127.0.0.1", 8080));
        Assert.Equal("169.254.1.1", Traffic.Ask(_world.Host, Udp, "127.0.0.1", 8053));
        Assert.Equal(Closed, Traffic.Ask(_world.Host, Tcp, "127.0.0.1", 8081));
        Assert.Equal(Closed, Traffic.Ask(_world.Host, Udp, "127.0.0.1", 8080));

        // The host's own service on another address is still the one that answers there.
        Assert.Equal(WorldAddress, Traffic.Ask(_world.World, Tcp, HostAddress, 8080));

        // Nor does somebody on the same wire get in who sends to 127.0.0.1.
        _world.World.Set("ipv4/conf/all/route_localnet", "1");
        _world.World.Ip("route delete table local 127.0.0.0/8 dev lo", "route delete table local 127.0.0.1 dev lo", $"route add 127.0.0.0/8 via {HostAddress}");
        Assert.Equal("silence", Traffic.Ask(_world.World, Tcp, "127.0.0.1", 8080, from: WorldAddress, expectSilence: true));
    }

    [FirewallFact]
    public void Port_on_all_addresses_is_for_everybody_who_keeps_his_address()
    {
        TestNamespace guest = Attach(1, "0.0.0.0:8080:80", "0.0.0.0:8080:80/udp", "[::]:8080:80");
        using Traffic.Server web = Traffic.Serve(guest, "169.254.0.21", 80);
        using Traffic.Server web6 = Traffic.Serve(guest, "fd6d:6963:766d::15", 80);

        Assert.Equal(FarAddress, Traffic.Ask(_world.Far, Tcp, HostAddress, 8080));
        Assert.Equal(FarAddress, Traffic.Ask(_world.Far, Udp, HostAddress, 8080));
        Assert.Equal(FarAddress6, Traffic.Ask(_world.Far, Tcp, HostAddress6, 8080));
        Assert.Equal(HostAddress, Traffic.Ask(_world.Host, Tcp, HostAddress, 8080));
        Assert.Equal(HostAddress6, Traffic.Ask(_world.Host, Tcp, HostAddress6, 8080));
        Assert.Equal("169.254.1.1", Traffic.Ask(_world.Host, Tcp, "127.0.0.1", 8080));
        Assert.Equal(Closed, Traffic.Ask(_world.Far, Tcp, HostAddress, 80));
    }

    [FirewallFact]
    public void Port_on_one_address_is_on_no_other()
    {
        TestNamespace guest = Attach(1, $"{HostAddress}:8080:80");
        _world.Host.Ip("address add 192.0.2.9/24 dev eth0");
        using Traffic.Server web = Traffic.Serve(guest, "0.0.0.0", 80);

        Assert.Equal(FarAddress, Traffic.Ask(_world.Far, Tcp, HostAddress, 8080));
        Assert.Equal(Closed, Traffic.Ask(_world.Far, Tcp, "192.0.2.9", 8080));
        Assert.Equal(Closed, Traffic.Ask(_world.Host, Tcp, "127.0.0.1", 8080));
    }

    [FirewallFact]
    public void Nobody_outside_gets_to_a_guest_but_by_its_ports()
    {
        TestNamespace guest = Attach(1, "0.0.0.0:8080:80");
        using Traffic.Server web = Traffic.Serve(guest, "0.0.0.0", 80);
        _world.World.Ip($"route add 198.18.128.0/17 via {HostAddress}");

        Assert.Equal("silence", Traffic.Ask(_world.World, Tcp, $"{EntryOf(1).U4}", 80, expectSilence: true));
    }

    [FirewallFact]
    public void Ports_open_and_close_while_it_runs()
    {
        TestNamespace guest = Attach(1);
        using Traffic.Server web = Traffic.Serve(guest, "0.0.0.0", 80);
        FirewallEntry entry = EntryOf(1);
        PublishedPort[] ports = [PublishedPort.TryParse("8080:80")!, PublishedPort.TryParse("0.0.0.0:8081:80")!];

        _world.Publish(entry, ports);
        Assert.Equal(ports.ToHashSet(), [.. _world.List().Ports.Where(port => port.To.Equals(entry.U4)).Select(port => port.Port)]);
        using Traffic.Client client = Traffic.Connect(_world.Far, Tcp, HostAddress, 8081);
        Assert.Equal(FarAddress, client.Ask());

        _world.Unpublish(entry, ports);
        Assert.Equal(Closed, Traffic.Ask(_world.Far, Tcp, HostAddress, 8081));
        Assert.Equal(FarAddress, client.Ask());
        Assert.Empty(_world.List().Ports);
    }

    [FirewallFact]
    public void Port_left_behind_gives_way_to_who_has_it_now()
    {
        Attach(1, "8080:80");
        TestNamespace second = Attach(2, "8080:80");
        using Traffic.Server web = Traffic.Serve(second, "0.0.0.0", 80);

        Assert.Equal("169.254.1.1", Traffic.Ask(_world.Host, Tcp, "127.0.0.1", 8080));
        Assert.Equal(EntryOf(2).U4, Assert.Single(_world.List().Ports).To);
    }

    [FirewallFact]
    public void Another_link_takes_over_the_address_with_its_flows()
    {
        TestNamespace first = Attach(1, "0.0.0.0:8080:80");
        FirewallEntry old = EntryOf(1) with { Ports = [PublishedPort.TryParse("0.0.0.0:8080:80")!] };
        TestNamespace second = _world.AddGuest(2, out FirewallEntry other);
        using Traffic.Server web = Traffic.Serve(second, "0.0.0.0", 80);
        FirewallEntry moved = old with { LinkName = other.LinkName };

        _world.Host.Ip($"route replace {old.U4}/32 via 169.254.0.21 dev {other.LinkName} onlink");
        _world.Attach(moved);
        _world.Detach(old, keepsAddress: true);

        Assert.Equal(FarAddress, Traffic.Ask(_world.Far, Tcp, HostAddress, 8080));
        Assert.Equal("silence", Traffic.Ask(first, Udp, FarAddress, 7000, expectSilence: true));
        Assert.Equal([moved.LinkName], _world.List().Links.Select(link => link.Name));
    }

    [FirewallFact]
    public void Names_are_asked_of_the_hosts_servers_of_the_moment()
    {
        TestNamespace guest = Attach(1);
        using Traffic.Server loopback = Traffic.Serve(_world.Host, "127.0.0.1", 53);
        using Traffic.Server own = Traffic.Serve(_world.Host, HostAddress, 53);
        using Traffic.Server nearby = Traffic.Serve(_world.World, Private, 53);
        using Traffic.Server six = Traffic.Serve(_world.Far, FarAddress6, 53);

        Assert.True(_world.SetResolvers([IPAddress.Loopback, IPAddress.Parse(Private), IPAddress.Parse(FarAddress6)]));
        Assert.False(_world.SetResolvers([IPAddress.Loopback, IPAddress.Parse(Private), IPAddress.Parse(FarAddress6)]));
        foreach (PortProtocol protocol in (PortProtocol[])[Udp, Tcp])
        {
            Assert.Equal("127.0.0.1", Traffic.Ask(guest, protocol, "169.254.0.53", 53));
            Assert.Equal(HostAddress, Traffic.Ask(guest, protocol, "169.254.0.54", 53));
            Assert.Equal(HostAddress6, Traffic.Ask(guest, protocol, "fd6d:6963:766d:1::53", 53));
            Assert.Equal(Closed, Traffic.Ask(guest, protocol, "169.254.0.55", 53));
            Assert.Equal(Closed, Traffic.Ask(guest, protocol, "fd6d:6963:766d:1::54", 53));
            Assert.Equal(Closed, Traffic.Ask(guest, protocol, "169.254.0.53", 80));
            Assert.Equal("HostUnreachable", Traffic.Ask(guest, protocol, Private, 53));
        }

        Assert.True(_world.SetResolvers([IPAddress.Parse(HostAddress)]));
        Assert.Equal($"{EntryOf(1).U4}", Traffic.Ask(guest, Udp, "169.254.0.53", 53));
        Assert.Equal(Closed, Traffic.Ask(guest, Udp, "169.254.0.54", 53));
    }

    private TestNamespace Attach(int slot, params string[] ports)
    {
        TestNamespace guest = _world.AddGuest(slot, out FirewallEntry entry);
        _world.Attach(entry with { Ports = [.. ports.Select(port => PublishedPort.TryParse(port)!)] });
        return guest;
    }
}
