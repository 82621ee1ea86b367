using System.Globalization;
using System.Net;
using MicroVm.Engine.Network;
using MicroVm.Engine.Tests.Support;

namespace MicroVm.Engine.Tests.Network;

/// <summary>
/// A host with the firewall, the world it is connected to, and far away, behind a hop with a smaller MTU, somebody to talk to: each a namespace. Guests are
/// namespaces too, each behind a veth pair that stands for its link.
/// </summary>
internal sealed class FirewallWorld : IDisposable
{
    public const string HostAddress = "192.0.2.1";
    public const string HostAddress6 = "2001:db8:1::1";
    public const string WorldAddress = "192.0.2.2";
    public const string WorldAddress6 = "2001:db8:1::2";
    public const string FarAddress = "203.0.113.2";
    public const string FarAddress6 = "2001:db8:2::2";
    public const string Private = "10.9.9.9";
    public const string Private6 = "fd00:9::9";
    public const string Metadata = "169.254.169.254";
    public const string Metadata6 = "fd00:ec2::254";
    public const int SmallMtu = 1300;

    public static readonly IReadOnlyList<IPNetwork> Pools = [IPNetwork.Parse("198.18.128.0/17"), IPNetwork.Parse("fd6d:6963:766e::/64")];

    private readonly List<TestNamespace> _guests = [];

    public FirewallWorld()
    {
        foreach (TestNamespace place in (TestNamespace[])[Host, World, Far])
        {
            // No pause until an address may be used.
            place.Set("ipv6/conf/default/accept_dad", "0");
        }

        Host.Set("ipv4/ip_forward", "1");
        Host.Set("ipv6/conf/all/forwarding", "1");
        // A test asks more often than the kernel refuses by ICMP: six at once, then one a second.
        Host.Set("ipv4/icmp_ratelimit", "0");
        Host.Set("ipv6/icmp/ratelimit", "0");
        World.Set("ipv4/ip_forward", "1");
        World.Set("ipv6/conf/all/forwarding", "1");
        Host.Ip($"link add eth0 type veth peer name eth0 netns {World.Path}");
        World.Ip($"link add far0 mtu {SmallMtu} type veth peer name eth0 mtu {SmallMtu} netns {Far.Path}");
        Host.Ip(
            $"address add {HostAddress}/24 dev eth0", $"address add {HostAddress6}/64 dev eth0 nodad", "link set eth0 up",
            $"route add default via {WorldAddress}", $"-6 route add default via {WorldAddress6}");
        World.Ip(
            $"address add {WorldAddress}/24 dev eth0", $"address add {WorldAddress6}/64 dev eth0 nodad", "link set eth0 up",
            "address add 203.0.113.1/24 dev far0", "address add 2001:db8:2::1/64 dev far0 nodad", "link set far0 up",
            $"address add {Private}/32 dev lo", $"address add {Metadata}/32 dev lo",
            $"address add {Private6}/128 dev lo", $"address add {Metadata6}/128 dev lo");
        Far.Ip(
            $"address add {FarAddress}/24 dev eth0", $"address add {FarAddress6}/64 dev eth0 nodad", "link set eth0 up",
            "route add default via 203.0.113.1", "-6 route add default via 2001:db8:2::1");
    }

    public TestNamespace Host { get; } = new();

    public TestNamespace World { get; } = new();

    public TestNamespace Far { get; } = new();

    public FirewallState Ensure() => Do(sockets => Firewall.Ensure(sockets, Pools));

    public void Attach(FirewallEntry entry) => Do(sockets => Firewall.Attach(sockets, entry));

    public void Detach(FirewallEntry entry, bool keepsAddress = false) => Do(sockets => Firewall.Detach(sockets, entry, keepsAddress));

    public void SetEgress(FirewallEntry entry, EgressPolicy policy) => Do(sockets => Firewall.SetEgress(sockets, entry, policy));

    public void Publish(FirewallEntry entry, IReadOnlyList<PublishedPort> ports) => Do(sockets => Firewall.Publish(sockets, entry, ports));

    public void Unpublish(FirewallEntry entry, IReadOnlyList<PublishedPort> ports) => Do(sockets => Firewall.Unpublish(sockets, entry, ports));

    public bool SetResolvers(IReadOnlyList<IPAddress> resolvers) => Do(sockets => Firewall.SetResolvers(sockets, resolvers));

    public FirewallContents List() => Do(Firewall.List);

    /// <summary>Does something on the host's network thread.</summary>
    public T Do<T>(Func<HostSockets, T> function) => Host.Network.Run(function);

    /// <summary>As the other.</summary>
    public void Do(Action<HostSockets> action) => Host.Network.Run(action);

    /// <summary>Makes a guest with its link and its route, not attached.</summary>
    public TestNamespace AddGuest(int slot, out FirewallEntry entry)
    {
        entry = EntryOf(slot);
        TestNamespace guest = new();
        _guests.Add(guest);
        guest.Set("ipv6/conf/default/accept_dad", "0");
        string name = entry.LinkName;
        Host.Ip(
            $"link add {name} address 02:fc:00:00:00:06 type veth peer name eth0 address 02:fc:00:00:00:05 netns {guest.Path}",
            $"link set {name} addrgenmode none up",
            $"neigh add 169.254.0.21 lladdr 02:fc:00:00:00:05 dev {name} nud permanent",
            $"neigh add fd6d:6963:766d::15 lladdr 02:fc:00:00:00:05 dev {name} nud permanent",
            $"route add {entry.U4}/32 via 169.254.0.21 dev {name} onlink",
            $"-6 route add {entry.U6}/128 via fd6d:6963:766d::15 dev {name} onlink");
        Host.Set($"ipv4/conf/{name}/route_localnet", "1");
        guest.Ip(
            "link set eth0 addrgenmode none", "address add 169.254.0.21/30 dev eth0", "address add fd6d:6963:766d::15/64 dev eth0 nodad", "link set eth0 up",
            "neigh add 169.254.0.22 lladdr 02:fc:00:00:00:06 dev eth0 nud permanent",
            "neigh add fd6d:6963:766d::16 lladdr 02:fc:00:00:00:06 dev eth0 nud permanent",
            "route add default via 169.254.0.22", "-6 route add default via fd6d:6963:766d::16");
        return guest;
    }

    public static FirewallEntry EntryOf(int slot) => new()
    {
        LinkName = string.Create(CultureInfo.InvariantCulture, $"mvm{slot:x8}"),
        U4 = IPAddress.Parse(string.Create(CultureInfo.InvariantCulture, $"198.18.{128 + (slot >> 8)}.{slot & 255}")),
        U6 = IPAddress.Parse(string.Create(CultureInfo.InvariantCulture, $"fd6d:6963:766e::{slot:x}")),
    };

    public void Dispose()
    {
        foreach (TestNamespace place in (TestNamespace[])[.. _guests, Far, World, Host])
        {
            place.Dispose();
        }
    }
}
