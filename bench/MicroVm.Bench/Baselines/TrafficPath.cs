using System.Net;
using MicroVm.Engine;
using MicroVm.Engine.Network;

namespace MicroVm.Bench.Baselines;

/// <summary>A guest, a host and a world, each a namespace, joined by veth pairs; with the engine's table on the host, or routed and nothing else.</summary>
internal sealed class TrafficPath : IDisposable
{
    /// <summary>What iperf3 sends per sample.</summary>
    public const string Amount = "1G";

    private const string Port = "5201";
    private const string Link = "mvm00000001";
    private const string Outside = "198.18.128.1";
    private const string Inside = "169.254.0.21";
    private const string HostAddress = "192.0.2.1";
    private const string WorldAddress = "192.0.2.2";
    private static readonly string s_ip = Processes.Find("ip");
    private static readonly TimeSpan s_limit = TimeSpan.FromSeconds(30);

    private readonly string _iperf = Processes.Find("iperf3");
    private readonly bool _filtered;
    private readonly PrivateHost _host = new();
    private readonly PrivateHost _guest = new();
    private readonly PrivateHost _world = new();
    private readonly List<int> _servers = [];

    /// <summary>Makes it, with a server in the guest and one in the world.</summary>
    /// <param name="filtered">With the table.</param>
    public TrafficPath(bool filtered)
    {
        _filtered = filtered;
        Ip(_host, $"link add {Link} type veth peer name eth0 netns {_guest.Path}");
        Ip(_host, $"link add eth0 type veth peer name eth0 netns {_world.Path}");
        Ip(_guest, $"address add {Inside}/30 dev eth0", "link set eth0 up");
        Ip(_host, $"link set {Link} up", $"address add {HostAddress}/24 dev eth0", "link set eth0 up", $"address add 169.254.0.22/32 dev {Link}");
        Ip(_guest, "route add default via 169.254.0.22");
        Ip(_world, $"address add {WorldAddress}/24 dev eth0", "link set eth0 up");
        Ip(_host, $"route add {Inside}/32 dev {Link}");
        if (filtered)
        {
            Ip(_host, $"route add {Outside}/32 via {Inside} dev {Link} onlink");
            _host.Network.Run(sockets =>
            {
                Firewall.Ensure(sockets, [IPNetwork.Parse("198.18.128.0/17")]);
                Firewall.Attach(sockets, new FirewallEntry { LinkName = Link, U4 = IPAddress.Parse(Outside), Ports = [new PublishedPort("0.0.0.0", 5201, 5201)] });
            });
        }
        else
        {
            Ip(_world, $"route add {Inside}/32 via {HostAddress}");
        }

        foreach (PrivateHost place in (PrivateHost[])[_guest, _world])
        {
            Ip(place, "link set lo up");
            place.Network.Run(_ => _servers.Add(Processes.Start(_iperf, "-s", "-p", Port)));
            if (!SpinWait.SpinUntil(() => Succeeds(place), s_limit))
            {
                throw new InvalidOperationException("iperf3 does not answer.");
            }
        }
    }

    /// <summary>The guest sends.</summary>
    public void SendOut() => Send(_guest, WorldAddress);

    /// <summary>The world sends to the guest, by a published port if there is the table.</summary>
    public void SendIn() => Send(_world, _filtered ? HostAddress : Inside);

    /// <inheritdoc/>
    public void Dispose()
    {
        _servers.ForEach(Processes.Kill);
        _guest.Dispose();
        _world.Dispose();
        _host.Dispose();
    }

    private static void Ip(PrivateHost place, params string[] commands) => place.Network.Run(_ =>
    {
        foreach (string command in commands)
        {
            Processes.Run(s_ip, command.Split(' '));
        }
    });

    private void Send(PrivateHost place, string to) => place.Network.Run(_ => Processes.Run(_iperf, "-c", to, "-p", Port, "-n", Amount));

    private bool Succeeds(PrivateHost place)
    {
        try
        {
            place.Network.Run(_ => Processes.Run(_iperf, "-c", "127.0.0.1", "-p", Port, "-n", "1K"));
            return true;
        }
        catch (InvalidOperationException)
        {
            return false;
        }
    }
}
