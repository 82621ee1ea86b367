using System.Net;
using MicroVm.Engine.Errors;
using MicroVm.Engine.Native;
using MicroVm.Engine.Network;
using MicroVm.Engine.Tests.Support;
using static MicroVm.Engine.PortProtocol;
using static MicroVm.Engine.Tests.Network.FirewallWorld;

namespace MicroVm.Engine.Tests.Network;

/// <summary>The table itself: how it comes, what it keeps, what VMs leave in it.</summary>
public sealed class FirewallTableTests : IDisposable
{
    private readonly FirewallWorld _world = new();

    public void Dispose() => _world.Dispose();

    [FirewallFact]
    public void Rules_are_loaded_once()
    {
        Assert.Equal(FirewallState.Loaded, _world.Ensure());
        string before = List();

        Assert.Equal(FirewallState.Unchanged, _world.Ensure());
        Assert.Equal(before, List());
    }

    [FirewallFact]
    public void Rules_that_somebody_flushed_are_missed()
    {
        _world.Ensure();
        _world.Attach(EntryOf(1));
        _world.Host.Tool(["nft", "flush", "ruleset"]);
        _world.Detach(EntryOf(1));

        Assert.Equal(FirewallState.Loaded, _world.Ensure());
        Assert.Empty(_world.List().Links);
    }

    [FirewallFact]
    public void Another_version_takes_the_place_of_the_rules_and_keeps_the_elements()
    {
        _world.Ensure();
        TestNamespace guest = _world.AddGuest(1, out FirewallEntry entry);
        EgressPolicy policy = new(EgressBase.None, [EgressRule.TryParse("Allow 203.0.113.2")!]);
        _world.Attach(entry with { Egress = policy, Ports = [PublishedPort.TryParse("8080:80")!] });
        string before = List();
        _world.Host.Tool(["nft", "-f", "-"], "flush set inet microvm loaded\nadd rule inet microvm forward drop\n");
        using Traffic.Server far = Traffic.Serve(_world.Far, FarAddress, 7000);

        Assert.Equal(FirewallState.Updated, _world.Ensure());

        Assert.Equal(before, List());
        Assert.Equal(HostAddress, Traffic.Ask(guest, Tcp, FarAddress, 7000));
    }

    [FirewallFact]
    public void Another_pool_is_added_to_those_that_are_there()
    {
        _world.Ensure();
        _world.Attach(EntryOf(1));
        IPNetwork[] others = [IPNetwork.Parse("10.200.0.0/16"), IPNetwork.Parse("fd00:77::/64")];

        Assert.Equal(FirewallState.Updated, _world.Do(sockets => Firewall.Ensure(sockets, others)));
        Assert.Equal(FirewallState.Unchanged, _world.Do(sockets => Firewall.Ensure(sockets, others)));
        Assert.Equal(FirewallState.Unchanged, _world.Ensure());
        Assert.Single(_world.List().Links);
    }

    [FirewallFact]
    public void VMs_leave_nothing()
    {
        _world.Ensure();
        string before = List();
        FirewallEntry[] entries = [.. Enumerable.Range(1, 20).Select(Full)];
        Array.ForEach(entries, _world.Attach);
        Array.ForEach(entries, _world.Attach);
        Assert.Equal(20, _world.List().Links.Count);
        Assert.Equal(80, _world.List().Ports.Count);

        Array.ForEach(entries, entry => _world.Detach(entry));
        Array.ForEach(entries, entry => _world.Detach(entry));

        Assert.Equal(before, List());
    }

    [FirewallFact]
    public void Repair_removes_by_what_is_listed()
    {
        _world.Ensure();
        string before = List();
        _world.Attach(Full(1));
        string one = List();
        _world.Attach(Full(2));
        FirewallContents found = _world.List();
        FirewallLink link = Assert.Single(found.Links, link => link.Name == EntryOf(2).LinkName);
        Assert.Equal((EntryOf(2).U4, EntryOf(2).U6), (link.U4, link.U6));

        _world.Do(sockets => Firewall.Remove(sockets, [link], [.. found.Ports.Where(port => port.To.Equals(link.U4) || port.To.Equals(link.U6))]));
        Assert.Equal(one, List());

        found = _world.List();
        _world.Do(sockets => Firewall.Remove(sockets, found.Links, found.Ports));
        Assert.Equal(before, List());
    }

    [FirewallFact]
    public void Thousand_VMs_are_no_rule_more()
    {
        _world.Ensure();
        int Rules() => _world.Do(sockets => NftQueries.Rules(sockets.Netfilter, Ruleset.Family, Ruleset.Table).Count);
        _world.Attach(Full(1));
        int before = Rules();

        _world.Do(sockets => Array.ForEach([.. Enumerable.Range(2, 999).Select(Full)], entry => Firewall.Attach(sockets, entry)));

        Assert.Equal(before, Rules());
        Assert.Equal(1000, _world.List().Links.Count);
    }

    [FirewallFact]
    public void Flows_of_an_address_are_forgotten_with_it()
    {
        _world.Ensure();
        TestNamespace guest = _world.AddGuest(1, out FirewallEntry entry);
        _world.Attach(entry);
        using Traffic.Server far = Traffic.Serve(_world.Far, FarAddress, 7000);
        using Traffic.Server far6 = Traffic.Serve(_world.Far, FarAddress6, 7000);
        Assert.Equal(HostAddress, Traffic.Ask(guest, Udp, FarAddress, 7000));
        Assert.Equal(HostAddress6, Traffic.Ask(guest, Udp, FarAddress6, 7000));
        Assert.Contains($"src={entry.U4} ", Flows("4"), StringComparison.Ordinal);

        // As kernels do it that cannot by themselves.
        _world.Do(sockets => Conntrack.ForgetEach(sockets.Netfilter, entry.U4, tuple: 1));
        Assert.DoesNotContain($"src={entry.U4} ", Flows("4"), StringComparison.Ordinal);
        Assert.Contains("src=fd6d", Flows("6"), StringComparison.Ordinal);

        Assert.Equal(HostAddress, Traffic.Ask(guest, Udp, FarAddress, 7000));
        _world.Detach(entry);
        Assert.DoesNotContain($"{entry.U4}", Flows("4"), StringComparison.Ordinal);
        Assert.DoesNotContain("src=fd6d", Flows("6"), StringComparison.Ordinal);
    }

    [FirewallFact]
    public void Missing_nft_is_named()
    {
        MicroVmException failure = Assert.Throws<MicroVmException>(() => _world.Do(sockets => Firewall.Ensure(sockets, Pools, new HostTool("no-such-nft", "nftables"))));

        Assert.Equal((ErrorIds.NetworkUnavailable, ErrorKind.NotInstalled), (failure.ErrorId, failure.Kind));
        Assert.Contains("nftables", failure.RecommendedAction!, StringComparison.Ordinal);
    }

    [FirewallFact]
    public void Words_of_a_failing_nft_are_shown()
    {
        // A table of that name that is not ours has a set in the way.
        _world.Host.Tool(["nft", "-f", "-"], "table inet microvm { set links-open { type ipv4_addr; }; }\n");

        MicroVmException failure = Assert.Throws<MicroVmException>(() => _world.Ensure());

        Assert.Equal(ErrorIds.NetworkFailed, failure.ErrorId);
        Assert.Contains("links-open", failure.InnerException!.Message, StringComparison.Ordinal);
    }

    [FirewallFact]
    public void All_is_removed_at_the_end()
    {
        _world.Ensure();
        _world.Attach(Full(1));

        _world.Do(Firewall.RemoveAll);
        _world.Do(Firewall.RemoveAll);

        Assert.Equal("", _world.Host.Tool(["nft", "list", "ruleset"]));
    }

    private static FirewallEntry Full(int slot) => EntryOf(slot) with
    {
        Egress = new EgressPolicy(EgressBase.None, [EgressRule.TryParse("Allow 203.0.113.2")!]),
        Network = 7,
        Ports =
        [
            new PublishedPort("127.0.0.1", 10_000 + slot, 80), new PublishedPort("192.0.2.1", 10_000 + slot, 80, Udp),
            new PublishedPort("0.0.0.0", 20_000 + slot, 80), new PublishedPort("::", 20_000 + slot, 80),
        ],
    };

    private string List() => _world.Host.Tool(["nft", "list", "table", "inet", "microvm"]);

    private string Flows(string family) => _world.Host.Run(() => File.ReadAllText("/proc/thread-self/net/nf_conntrack"))
        .Split('\n').Where(line => line.StartsWith($"ipv{family}", StringComparison.Ordinal)).Aggregate("", (all, line) => all + line + "\n");
}
