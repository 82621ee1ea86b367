using MicroVm.Engine.Network;
using MicroVm.Engine.Tests.Support;
using static MicroVm.Engine.PortProtocol;
using static MicroVm.Engine.Tests.Network.FirewallWorld;

namespace MicroVm.Engine.Tests.Network;

/// <summary>Beside other firewalls.</summary>
public sealed class ForeignFirewallTests : IDisposable
{
    private readonly FirewallWorld _world = new();

    public void Dispose() => _world.Dispose();

    [FirewallFact("iptables-nft", "ip6tables-nft")]
    public void VMs_pass_beside_Docker()
    {
        foreach (string tool in (string[])["iptables-nft", "ip6tables-nft"])
        {
            _world.Host.Tool([tool, "-P", "FORWARD", "DROP"]);
            _world.Host.Tool([tool, "-N", "DOCKER-USER"]);
            _world.Host.Tool([tool, "-A", "FORWARD", "-j", "DOCKER-USER"]);
            _world.Host.Tool([tool, "-A", "DOCKER-USER", "-j", "RETURN"]);
        }

        PassesAfterEnsure("DOCKER-USER");
    }

    [FirewallFact("iptables-nft", "ip6tables-nft")]
    public void VMs_pass_where_all_else_that_is_forwarded_is_dropped()
    {
        foreach (string tool in (string[])["iptables-nft", "ip6tables-nft"])
        {
            _world.Host.Tool([tool, "-P", "FORWARD", "DROP"]);
        }

        PassesAfterEnsure("FORWARD");
    }

    [FirewallFact]
    public void Chains_in_the_way_are_named_with_what_to_do()
    {
        _world.Ensure();
        Assert.Empty(_world.Do(ForeignFirewalls.Survey));
        _world.Host.Tool(["nft", "-f", "-"], """
            table inet mine { chain pass { type filter hook forward priority 0; policy drop; }; }
            table inet firewalld { chain filter_FORWARD { type filter hook forward priority 10; policy accept; reject; }; }

            """);

        IReadOnlyList<FirewallWarning> found = _world.Do(ForeignFirewalls.Survey);
        Assert.Equal(2, found.Count);
        FirewallWarning mine = Assert.Single(found, warning => warning.Message.Contains("inet mine", StringComparison.Ordinal));
        Assert.Contains("firewall-cmd", Assert.Single(found, warning => warning != mine).Action, StringComparison.Ordinal);

        _world.Host.Tool(["nft", "-f", "-"], mine.Action.Replace("nft ", "", StringComparison.Ordinal).Replace("; ", "\n", StringComparison.Ordinal) + "\n");
        Assert.DoesNotContain(_world.Do(ForeignFirewalls.Survey), warning => warning.Message == mine.Message);
    }

    private void PassesAfterEnsure(string chain)
    {
        TestNamespace guest = _world.AddGuest(1, out FirewallEntry entry);
        using Traffic.Server far = Traffic.Serve(_world.Far, FarAddress, 7000);
        using Traffic.Server far6 = Traffic.Serve(_world.Far, FarAddress6, 7000);
        using Traffic.Server web = Traffic.Serve(guest, "169.254.0.21", 80);
        string before = Rules(chain);
        _world.Ensure();
        _world.Attach(entry with { Ports = [PublishedPort.TryParse("0.0.0.0:8080:80")!] });

        Passes();
        string[] ours = [.. Rules(chain).Split('\n').Where(line => line.Contains("mvm+", StringComparison.Ordinal))];
        Assert.Equal(2, ours.Length);
        Assert.All(ours, line => Assert.StartsWith($"-A {chain} ", line, StringComparison.Ordinal));

        _world.Ensure();
        Assert.Equal(2, Rules(chain).Split("mvm+").Length - 1);

        _world.Host.Tool(["iptables-nft", "-F", chain]);
        if (chain != "FORWARD")
        {
            _world.Host.Tool(["iptables-nft", "-A", chain, "-j", "RETURN"]);
        }

        _world.Ensure();
        Passes();

        _world.Do(Firewall.RemoveAll);
        Assert.Equal(before, Rules(chain));

        void Passes()
        {
            Assert.Equal(HostAddress, Traffic.Ask(guest, Tcp, FarAddress, 7000));
            Assert.Equal(HostAddress6, Traffic.Ask(guest, Tcp, FarAddress6, 7000));
            Assert.Equal(FarAddress, Traffic.Ask(_world.Far, Tcp, HostAddress, 8080));
            Assert.Equal("HostUnreachable", Traffic.Ask(guest, Tcp, Private, 7000));
        }
    }

    private string Rules(string chain) => _world.Host.Tool(["iptables-nft", "-S", chain]);
}
