using MicroVm.Engine.Network;
using MicroVm.Engine.Tests.Support;
using static MicroVm.Engine.PortProtocol;
using static MicroVm.Engine.Tests.Network.FirewallWorld;

namespace MicroVm.Engine.Tests.Network;

/// <summary>Where guests may go.</summary>
public sealed class FirewallEgressTests : IDisposable
{
    // What a refusal is to programs: of ICMP, and of ICMPv6.
    private const string Refused = "HostUnreachable";
    private const string Refused6 = "AccessDenied";

    private readonly FirewallWorld _world = new();

    public FirewallEgressTests() => _world.Ensure();

    public void Dispose() => _world.Dispose();

    [FirewallFact]
    public void Guest_reaches_the_world_as_the_host()
    {
        TestNamespace guest = Attach(1, EgressPolicy.Default);
        using Traffic.Server four = Traffic.Serve(_world.Far, FarAddress, 7000);
        using Traffic.Server six = Traffic.Serve(_world.Far, FarAddress6, 7000);

        Assert.Equal(HostAddress, Traffic.Ask(guest, Tcp, FarAddress, 7000));
        Assert.Equal(HostAddress, Traffic.Ask(guest, Udp, FarAddress, 7000));
        Assert.Equal(HostAddress6, Traffic.Ask(guest, Tcp, FarAddress6, 7000));
        Assert.Equal(HostAddress6, Traffic.Ask(guest, Udp, FarAddress6, 7000));
        Traffic.Ping(guest, FarAddress);
        Traffic.Ping(guest, FarAddress6);
    }

    [FirewallFact]
    public void Internet_is_not_the_host_its_network_the_metadata_nor_a_neighbour()
    {
        TestNamespace guest = Attach(1, EgressPolicy.Default);
        TestNamespace neighbour = Attach(2, EgressPolicy.Default);
        FirewallEntry other = EntryOf(2);
        using Traffic.Server next = Traffic.Serve(neighbour, "0.0.0.0", 7000);
        using Traffic.Server next6 = Traffic.Serve(neighbour, "::", 7001);
        using Traffic.Server host = Traffic.Serve(_world.Host, "0.0.0.0", 7000);
        using Traffic.Server host6 = Traffic.Serve(_world.Host, "::", 7001);
        using Traffic.Server world = Traffic.Serve(_world.World, "0.0.0.0", 7000);
        using Traffic.Server world6 = Traffic.Serve(_world.World, "::", 7001);

        foreach (PortProtocol protocol in (PortProtocol[])[Tcp, Udp])
        {
            Assert.Equal(HostAddress, Traffic.Ask(guest, protocol, WorldAddress, 7000));
            Assert.All([Private, Metadata, HostAddress, $"{other.U4}", "100.64.0.1", "172.16.0.1", "168.63.129.16"], address =>
                Assert.Equal(Refused, Traffic.Ask(guest, protocol, address, 7000)));
            Assert.All([Private6, Metadata6, HostAddress6, $"{other.U6}", "64:ff9b::a00:1"], address =>
                Assert.Equal(Refused6, Traffic.Ask(guest, protocol, address, 7001)));
        }
    }

    [FirewallFact]
    public void What_others_translate_counts_as_what_it_has_become()
    {
        TestNamespace guest = Attach(1, EgressPolicy.Default);
        TestNamespace open = Attach(2, new EgressPolicy(EgressBase.Open, []));
        _world.Host.Tool(["nft", "-f", "-"], $$"""
            table ip others {
                chain before {
                    type nat hook prerouting priority dstnat
                    ip daddr {{Metadata}} tcp dport 80 dnat to {{HostAddress}}:7000
                    ip daddr 10.96.0.1 tcp dport 443 dnat to {{Private}}:7000
                    ip daddr 10.96.0.1 tcp dport 444 dnat to {{FarAddress}}:7000
                }
            }

            """);
        using Traffic.Server host = Traffic.Serve(_world.Host, "0.0.0.0", 7000);
        using Traffic.Server world = Traffic.Serve(_world.World, "0.0.0.0", 7000);
        using Traffic.Server far = Traffic.Serve(_world.Far, "0.0.0.0", 7000);

        Assert.Equal(Refused, Traffic.Ask(guest, Tcp, Metadata, 80));
        Assert.Equal(Refused, Traffic.Ask(open, Tcp, Metadata, 80));
        Assert.Equal(Refused, Traffic.Ask(guest, Tcp, "10.96.0.1", 443));
        Assert.Equal(HostAddress, Traffic.Ask(open, Tcp, "10.96.0.1", 443));
        Assert.Equal(HostAddress, Traffic.Ask(guest, Tcp, "10.96.0.1", 444));
    }

    [FirewallFact]
    public void Nobody_outside_sends_from_a_guests_address()
    {
        Attach(2, EgressPolicy.Default);
        _world.Host.Ip("route add 198.18.128.3 via " + WorldAddress);
        _world.World.Ip("address add 198.18.128.2/32 dev lo", "address add 198.18.128.3/32 dev lo", "address add fd6d:6963:766e::2/128 dev lo nodad");
        _world.Host.Tool(["nft", "-f", "-"], """
            table inet watch {
                chain in {
                    type filter hook input priority 0
                    ip saddr 198.18.128.2 counter
                    ip6 saddr fd6d:6963:766e::2 counter
                }
            }

            """);
        using Traffic.Server host = Traffic.Serve(_world.Host, "0.0.0.0", 7000);
        using Traffic.Server host6 = Traffic.Serve(_world.Host, "::", 7001);

        Assert.Equal("silence", Traffic.Ask(_world.World, Tcp, HostAddress, 7000, from: "198.18.128.2", expectSilence: true));
        Assert.Equal("silence", Traffic.Ask(_world.World, Tcp, HostAddress6, 7001, from: "fd6d:6963:766e::2", expectSilence: true));
        Assert.Equal(2, _world.Host.Run("nft", "list", "table", "inet", "watch").Split("counter packets 0 ").Length - 1);
        // Of a pool that is no more, or an address without a guest: as anybody's.
        Assert.Equal("198.18.128.3", Traffic.Ask(_world.World, Tcp, HostAddress, 7000, from: "198.18.128.3"));
    }

    [FirewallFact]
    public void Open_is_everything_but_the_host_and_neighbours()
    {
        TestNamespace guest = Attach(1, new EgressPolicy(EgressBase.Open, []));
        Attach(2, EgressPolicy.Default);
        using Traffic.Server world = Traffic.Serve(_world.World, "0.0.0.0", 7000);
        using Traffic.Server world6 = Traffic.Serve(_world.World, "::", 7001);

        Assert.Equal(HostAddress, Traffic.Ask(guest, Tcp, Private, 7000));
        Assert.Equal(HostAddress, Traffic.Ask(guest, Tcp, Metadata, 7000));
        Assert.Equal(HostAddress6, Traffic.Ask(guest, Tcp, Private6, 7001));
        Assert.Equal(Refused, Traffic.Ask(guest, Tcp, HostAddress, 7000));
        Assert.Equal(Refused6, Traffic.Ask(guest, Tcp, HostAddress6, 7001));
        Assert.Equal(Refused, Traffic.Ask(guest, Tcp, $"{EntryOf(2).U4}", 7000));
    }

    [FirewallFact]
    public void None_is_nothing()
    {
        TestNamespace guest = Attach(1, new EgressPolicy(EgressBase.None, []));
        using Traffic.Server server = Traffic.Serve(_world.Host, "127.0.0.1", 53);
        _world.SetResolvers([System.Net.IPAddress.Loopback]);

        Assert.Equal(Refused, Traffic.Ask(guest, Tcp, FarAddress, 7000));
        Assert.Equal(Refused6, Traffic.Ask(guest, Udp, FarAddress6, 7000));
        Assert.Equal(Refused, Traffic.Ask(guest, Udp, "169.254.0.53", 53));
    }

    [FirewallFact]
    public void Rules_come_before_the_base_and_change_while_it_runs()
    {
        TestNamespace guest = Attach(1, Policy(EgressBase.Internet, "Deny tcp 203.0.113.0/24:7000", "Allow 10.0.0.0/8", "Deny [2001:db8:2::]/48"));
        FirewallEntry entry = EntryOf(1) with { Egress = Policy(EgressBase.Internet, "Deny tcp 203.0.113.0/24:7000", "Allow 10.0.0.0/8", "Deny [2001:db8:2::]/48") };
        using Traffic.Server far = Traffic.Serve(_world.Far, "0.0.0.0", 7000);
        using Traffic.Server far2 = Traffic.Serve(_world.Far, "0.0.0.0", 7002);
        using Traffic.Server world = Traffic.Serve(_world.World, "0.0.0.0", 7000);

        Assert.Equal(Refused, Traffic.Ask(guest, Tcp, FarAddress, 7000));
        Assert.Equal(HostAddress, Traffic.Ask(guest, Udp, FarAddress, 7000));
        Assert.Equal(HostAddress, Traffic.Ask(guest, Tcp, FarAddress, 7002));
        Assert.Equal(HostAddress, Traffic.Ask(guest, Tcp, Private, 7000));
        Assert.Equal(Refused6, Traffic.Ask(guest, Tcp, FarAddress6, 7000));

        using Traffic.Client kept = Traffic.Connect(guest, Tcp, FarAddress, 7002);
        using Traffic.Client lost = Traffic.Connect(guest, Tcp, Private, 7000);
        Assert.Equal(HostAddress, kept.Ask());
        Assert.Equal(HostAddress, lost.Ask());
        EgressPolicy after = Policy(EgressBase.None, "Allow tcp 203.0.113.2:7000", "Allow tcp 203.0.113.2:7002");
        _world.SetEgress(entry, after);

        Assert.Equal(HostAddress, Traffic.Ask(guest, Tcp, FarAddress, 7000));
        Assert.Equal(Refused, Traffic.Ask(guest, Udp, FarAddress, 7000));
        Assert.Equal(HostAddress, kept.Ask());
        Assert.NotEqual(HostAddress, lost.Ask());
        Assert.Equal([EgressChainOf(after)], _world.List().PolicyChains);

        _world.SetEgress(entry with { Egress = after }, EgressPolicy.Default);
        Assert.Empty(_world.List().PolicyChains);
    }

    [FirewallFact]
    public void Guests_with_equal_rules_share_their_chain()
    {
        EgressPolicy policy = Policy(EgressBase.None, "Allow 203.0.113.2");
        Attach(1, policy);
        TestNamespace second = Attach(2, policy);
        using Traffic.Server far = Traffic.Serve(_world.Far, "0.0.0.0", 7000);
        Assert.Equal([EgressChainOf(policy)], _world.List().PolicyChains);

        _world.Detach(EntryOf(1) with { Egress = policy });
        Assert.Equal(HostAddress, Traffic.Ask(second, Tcp, FarAddress, 7000));

        _world.Detach(EntryOf(2) with { Egress = policy });
        Assert.Empty(_world.List().PolicyChains);
    }

    [FirewallFact]
    public void Nothing_passes_with_another_source_or_without_a_slot()
    {
        TestNamespace guest = Attach(1, EgressPolicy.Default);
        guest.Ip("address add 169.254.0.99/32 dev eth0", "address add 198.18.128.2/32 dev eth0", "address add fd6d:6963:766d::99/128 dev eth0 nodad");
        using Traffic.Server far = Traffic.Serve(_world.Far, "0.0.0.0", 7000);
        using Traffic.Server far6 = Traffic.Serve(_world.Far, "::", 7001);

        Assert.Equal("silence", Traffic.Ask(guest, Tcp, FarAddress, 7000, from: "169.254.0.99", expectSilence: true));
        Assert.Equal("silence", Traffic.Ask(guest, Udp, FarAddress, 7000, from: "198.18.128.2", expectSilence: true));
        Assert.Equal("silence", Traffic.Ask(guest, Udp, FarAddress6, 7001, from: "fd6d:6963:766d::99", expectSilence: true));
        Assert.Equal(HostAddress, Traffic.Ask(guest, Tcp, FarAddress, 7000));
        Assert.Equal("silence", Traffic.Ask(_world.AddGuest(2, out _), Tcp, FarAddress, 7000, expectSilence: true));
    }

    [FirewallFact]
    public void Loopback_of_the_host_is_nobody_elses()
    {
        TestNamespace guest = Attach(1, new EgressPolicy(EgressBase.Open, []));
        using Traffic.Server host = Traffic.Serve(_world.Host, "127.0.0.1", 7000);
        guest.Set("ipv4/conf/all/route_localnet", "1");
        guest.Ip("route delete table local 127.0.0.0/8 dev lo", "route delete table local 127.0.0.1 dev lo");

        Assert.Equal("silence", Traffic.Ask(guest, Tcp, "127.0.0.1", 7000, from: "169.254.0.21", expectSilence: true));
    }

    [FirewallFact]
    public void Members_of_a_named_network_meet_and_others_do_not()
    {
        TestNamespace first = Attach(1, EgressPolicy.Default, 7);
        TestNamespace second = Attach(2, EgressPolicy.Default, 7);
        TestNamespace third = Attach(3, EgressPolicy.Default, 8);
        TestNamespace fourth = Attach(4, EgressPolicy.Default);
        using Traffic.Server server = Traffic.Serve(second, "0.0.0.0", 7000);
        using Traffic.Server server6 = Traffic.Serve(second, "::", 7001);
        string address = $"{EntryOf(2).U4}";
        string address6 = $"{EntryOf(2).U6}";

        Assert.Equal($"{EntryOf(1).U4}", Traffic.Ask(first, Tcp, address, 7000));
        Assert.Equal($"{EntryOf(1).U6}", Traffic.Ask(first, Udp, address6, 7001));
        Assert.Equal("ConnectionRefused", Traffic.Ask(first, Udp, address, 7999));
        Assert.All([third, fourth], guest =>
        {
            Assert.Equal(Refused, Traffic.Ask(guest, Tcp, address, 7000));
            Assert.Equal(Refused6, Traffic.Ask(guest, Udp, address6, 7001));
        });

        _world.Detach(EntryOf(1) with { Network = 7 });
        _world.Attach(EntryOf(1));
        Assert.Equal(Refused, Traffic.Ask(first, Tcp, address, 7000));
    }

    private static string EgressChainOf(EgressPolicy policy) => EgressChain.NameOf(policy);

    private static EgressPolicy Policy(EgressBase policy, params string[] rules) => new(policy, [.. rules.Select(rule => EgressRule.TryParse(rule)!)]);

    private TestNamespace Attach(int slot, EgressPolicy policy, uint? network = null)
    {
        TestNamespace guest = _world.AddGuest(slot, out FirewallEntry entry);
        _world.Attach(entry with { Egress = policy, Network = network });
        return guest;
    }
}
