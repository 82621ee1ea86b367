using System.Net;
using MicroVm.Engine.Errors;
using MicroVm.Engine.Native;

namespace MicroVm.Engine.Network;

/// <summary>
/// What the host's packet filter does for VMs: one table, whose rules are the same for all of them, loaded once; a VM is some elements of its maps. To be
/// called on the thread of a <see cref="HostNetwork"/>.
/// </summary>
internal static class Firewall
{
    private static readonly HostTool s_nft = new("nft", "nftables");
    private static readonly TimeSpan s_loadLimit = TimeSpan.FromSeconds(30);

    /// <summary>Sees to it that the rules are there for these pools; one question to the kernel when they are. Looks after other firewalls' rules for links, too.</summary>
    /// <param name="sockets">The host.</param>
    /// <param name="pools">The pools that VMs' addresses outside come from, IPv4 and IPv6.</param>
    /// <param name="nft">Another nft(8).</param>
    /// <exception cref="MicroVmException">
    /// <see cref="ErrorIds.NetworkUnavailable"/>: nft(8) is missing or did not load the rules, or the kernel lacks nf_tables. <see cref="ErrorIds.PermissionDenied"/>.
    /// </exception>
    public static FirewallState Ensure(HostSockets sockets, IReadOnlyList<IPNetwork> pools, HostTool? nft = null)
    {
        try
        {
            FirewallState state = EnsureRules(sockets, pools, nft ?? s_nft);
            ForeignFirewalls.Open(sockets);
            return state;
        }
        catch (LinuxException exception)
        {
            throw FirewallErrors.Of(exception);
        }
    }

    /// <summary>Lets a VM's link in: from now on it translates, and its packets go where the policy says. Attaching again what is attached is no error.</summary>
    public static void Attach(HostSockets sockets, FirewallEntry entry)
    {
        FirewallElement[] elements = [.. FirewallElements.OfLink(entry), .. FirewallElements.Of(entry, entry.Ports)];
        Add(sockets, elements, entry.Egress, $"attach {entry.LinkName}");
    }

    /// <summary>Takes out a VM's link, whether it is there or not, and all its flows with it.</summary>
    /// <param name="sockets">The host.</param>
    /// <param name="entry">The VM as it was attached.</param>
    /// <param name="keepsAddress">Whether the VM goes on with another link: what belongs to its address stays, published ports and flows.</param>
    public static void Detach(HostSockets sockets, FirewallEntry entry, bool keepsAddress = false)
    {
        IEnumerable<FirewallElement> elements = FirewallElements.OfLink(entry);
        Remove(sockets, keepsAddress ? elements : elements.Concat(FirewallElements.Of(entry, entry.Ports)), $"detach {entry.LinkName}");
        RemoveUnused(sockets, EgressChain.NameOf(entry.Egress));
        if (entry.Network is not null)
        {
            SetNameServer(sockets, entry.LinkName, null);
        }

        if (!keepsAddress)
        {
            Conntrack.Forget(sockets.Netfilter, entry.U4, entry.U6);
        }
    }

    /// <summary>Gives a VM another policy. Flows that it began, and may not go on with, end.</summary>
    /// <param name="sockets">The host.</param>
    /// <param name="entry">The VM as it is attached, with the policy it has.</param>
    /// <param name="policy">The other policy.</param>
    public static void SetEgress(HostSockets sockets, FirewallEntry entry, EgressPolicy policy)
    {
        byte[] link = FirewallElements.LinkKey(entry.LinkName);
        string what = $"change the policy of {entry.LinkName}";
        if (!TrySend(sockets, what, [Errno.NoSuchFile], batch => AddTo(batch.RemoveElement(EgressChain.ElementOf(link, entry.Egress).Set, link))))
        {
            // It had another one than the caller knew.
            Remove(sockets, EgressChain.Sets.Select(set => new FirewallElement(set, link, [])), what);
            NftBatch batch = Batch();
            AddTo(batch);
            batch.Send(sockets.Netfilter, what);
        }

        RemoveUnused(sockets, EgressChain.NameOf(entry.Egress));
        Conntrack.ForgetBegunBy(sockets.Netfilter, entry.U4);
        if (entry.U6 is not null)
        {
            Conntrack.ForgetBegunBy(sockets.Netfilter, entry.U6);
        }

        void AddTo(NftBatch batch)
        {
            EgressChain.AddTo(batch, policy);
            EgressChain.ElementOf(link, policy).AddTo(batch);
        }
    }

    /// <summary>Leads more of the host's ports to a VM.</summary>
    public static void Publish(HostSockets sockets, FirewallEntry entry, IReadOnlyList<PublishedPort> ports) =>
        Add(sockets, [.. FirewallElements.Of(entry, ports)], EgressPolicy.Default, $"publish ports of {entry.LinkName}");

    /// <summary>Closes some of a VM's ports, whether they are open or not. Flows that use them go on.</summary>
    public static void Unpublish(HostSockets sockets, FirewallEntry entry, IReadOnlyList<PublishedPort> ports) =>
        Remove(sockets, FirewallElements.Of(entry, ports), $"close ports of {entry.LinkName}");

    /// <summary>Leads a link's questions for names to a server of its named network, or to the host's name servers again.</summary>
    /// <param name="sockets">The host.</param>
    /// <param name="linkName">The link.</param>
    /// <param name="server">The server, or null.</param>
    public static void SetNameServer(HostSockets sockets, string linkName, IPEndPoint? server)
    {
        string what = $"lead {linkName} to a name server";
        if (server is null)
        {
            Remove(sockets, [FirewallElements.Of(linkName, new IPEndPoint(IPAddress.Loopback, 0))], what);
            return;
        }

        Add(sockets, [FirewallElements.Of(linkName, server)], EgressPolicy.Default, what);
    }

    /// <summary>Puts the host's name servers behind the constants that guests are told of, in their order.</summary>
    /// <param name="sockets">The host.</param>
    /// <param name="resolvers">At most three of each family; see <see cref="Resolvers"/>.</param>
    /// <returns>Whether that changed anything.</returns>
    public static bool SetResolvers(HostSockets sockets, IReadOnlyList<IPAddress> resolvers) =>
        SetResolvers(sockets, "resolvers4", SlotConstants.NameServers, resolvers) | SetResolvers(sockets, "resolvers6", SlotConstants.NameServersV6, resolvers);

    /// <summary>All that is there of VMs; nothing when the table is not there.</summary>
    public static FirewallContents List(HostSockets sockets)
    {
        Dictionary<string, FirewallLink> links = [];
        foreach (string set in FirewallElements.OfLinks)
        {
            foreach (NftElement element in Elements(sockets, set))
            {
                string name = FirewallElements.LinkOf(element.Key);
                FirewallLink link = links.GetValueOrDefault(name) ?? new FirewallLink(name, null, null);
                links[name] = set switch
                {
                    "sources4" => link with { U4 = new IPAddress(element.Data) },
                    "sources6" => link with { U6 = new IPAddress(element.Data) },
                    _ => link,
                };
            }
        }

        IEnumerable<FirewallPort> ports = FirewallElements.OfPorts.SelectMany(set =>
            Elements(sockets, set).Select(element => FirewallElements.PortOf(set, element.Key, element.Data)));
        IEnumerable<string> chains = NftQueries.Chains(sockets.Netfilter, Ruleset.Family)
            .Where(chain => chain.Table == Ruleset.Table && chain.Name.StartsWith(EgressChain.Prefix, StringComparison.Ordinal))
            .Select(chain => chain.Name);
        return new FirewallContents([.. links.Values], [.. ports], [.. chains]);
    }

    /// <summary>Takes out what repair found to be nobody's, flows of the links' addresses included, and the chains that nothing leads to after that.</summary>
    public static void Remove(HostSockets sockets, IReadOnlyCollection<FirewallLink> links, IReadOnlyCollection<FirewallPort> ports)
    {
        HashSet<string> names = [.. links.Select(link => link.Name)];
        IEnumerable<FirewallElement> ofLinks = FirewallElements.OfLinks.SelectMany(set => Elements(sockets, set)
            .Where(element => names.Contains(FirewallElements.LinkOf(element.Key)))
            .Select(element => new FirewallElement(set, element.Key, [])));
        IEnumerable<FirewallElement> ofPorts = ports.SelectMany(port => FirewallElements.Of(
            new FirewallEntry { LinkName = "", U4 = port.To, U6 = port.To }, [port.Port]));
        Remove(sockets, [.. ofLinks, .. ofPorts], "remove what is nobody's");
        foreach (string chain in List(sockets).PolicyChains)
        {
            RemoveUnused(sockets, chain);
        }

        foreach (FirewallLink link in links)
        {
            Conntrack.Forget(sockets.Netfilter, link.U4, link.U6);
        }
    }

    /// <summary>Removes the table with everything in it, and the rules in other tables that carry its tag.</summary>
    public static void RemoveAll(HostSockets sockets)
    {
        ForeignFirewalls.Close(sockets);
        TrySend(sockets, "remove the table", [Errno.NoSuchFile], batch => batch.RemoveTable());
    }

    /// <summary>Whether the rules are there for these pools; one question to the kernel.</summary>
    public static bool IsReady(HostSockets sockets, IReadOnlyList<IPNetwork> pools)
    {
        try
        {
            return NftQueries.HasElements(sockets.Netfilter, Ruleset.Family, Ruleset.Table, Ruleset.Loaded, MarksOf(pools));
        }
        catch (LinuxException exception)
        {
            throw FirewallErrors.Of(exception);
        }
    }

    private static byte[][] MarksOf(IReadOnlyList<IPNetwork> pools) => [Ruleset.VersionMark, .. pools.Select(Ruleset.MarkOf)];

    private static FirewallState EnsureRules(HostSockets sockets, IReadOnlyList<IPNetwork> pools, HostTool nft)
    {
        byte[][] marks = MarksOf(pools);
        if (NftQueries.HasElements(sockets.Netfilter, Ruleset.Family, Ruleset.Table, Ruleset.Loaded, marks))
        {
            return FirewallState.Unchanged;
        }

        bool isThere = NftQueries.HasTable(sockets.Netfilter, Ruleset.Family, Ruleset.Table);
        bool isCurrent = isThere && NftQueries.HasElements(sockets.Netfilter, Ruleset.Family, Ruleset.Table, Ruleset.Loaded, Ruleset.VersionMark);
        string program = nft.Find() ?? throw FirewallErrors.NoProgram(nft.Name);
        (ProcessExit? exit, string words) = ThreadTool.Run(program, ["-f", "-"], isCurrent ? Ruleset.PoolsText(pools) : Ruleset.Text(pools), s_loadLimit);
        if (exit?.Code != 0)
        {
            throw FirewallErrors.NotLoaded(exit, words);
        }

        // The mark comes last: who dies before it has everything loaded again.
        NftBatch batch = Batch();
        if (!isCurrent)
        {
            QuotedRules.AddTo(batch);
        }

        foreach (byte[] mark in marks)
        {
            batch.AddElement(Ruleset.Loaded, mark);
        }

        batch.Send(sockets.Netfilter, "complete the rules for VMs");
        return isThere ? FirewallState.Updated : FirewallState.Loaded;
    }

    private static bool SetResolvers(HostSockets sockets, string map, IReadOnlyList<IPAddress> constants, IReadOnlyList<IPAddress> resolvers)
    {
        (byte[] Key, byte[] Data)[] wanted = [.. constants
            .Zip(resolvers.Where(address => address.AddressFamily == constants[0].AddressFamily))
            .Select(pair => (pair.First.GetAddressBytes(), pair.Second.GetAddressBytes()))];
        IReadOnlyList<NftElement> present = Elements(sockets, map);
        if (present.Count == wanted.Length
            && wanted.All(pair => present.Any(element => element.Key.AsSpan().SequenceEqual(pair.Key) && element.Data.AsSpan().SequenceEqual(pair.Data))))
        {
            return false;
        }

        NftBatch batch = Batch().Empty(map);
        foreach ((byte[] key, byte[] data) in wanted)
        {
            batch.AddElement(map, key, data);
        }

        batch.Send(sockets.Netfilter, "change the name servers");
        return true;
    }

    private static void Add(HostSockets sockets, IReadOnlyCollection<FirewallElement> elements, EgressPolicy policy, string what)
    {
        if (elements.Count == 0 || TrySend(sockets, what, [Errno.FileExists, Errno.Busy], AddAll))
        {
            return;
        }

        // Something of a VM that is gone is there under the same key: who has the claims to these addresses and ports is the one who adds.
        Remove(sockets, elements, what);
        NftBatch again = Batch();
        AddAll(again);
        again.Send(sockets.Netfilter, what);

        void AddAll(NftBatch batch)
        {
            EgressChain.AddTo(batch, policy);
            foreach (FirewallElement element in elements)
            {
                element.AddTo(batch);
            }
        }
    }

    private static void Remove(HostSockets sockets, IEnumerable<FirewallElement> elements, string what)
    {
        FirewallElement[] all = [.. elements];
        if (all.Length == 0 || TrySend(sockets, what, [Errno.NoSuchFile], batch => RemoveFrom(batch, all)))
        {
            return;
        }

        // One is not there, or not even the table: the others by themselves.
        foreach (FirewallElement element in all)
        {
            TrySend(sockets, what, [Errno.NoSuchFile], batch => RemoveFrom(batch, element));
        }
    }

    private static void RemoveFrom(NftBatch batch, params ReadOnlySpan<FirewallElement> elements)
    {
        foreach (FirewallElement element in elements)
        {
            batch.RemoveElement(element.Set, element.Key);
        }
    }

    private static void RemoveUnused(HostSockets sockets, string chain)
    {
        if (chain.StartsWith(EgressChain.Prefix, StringComparison.Ordinal))
        {
            // Others may have equal rules, or have taken theirs out just before.
            TrySend(sockets, "remove a policy", [Errno.Busy, Errno.NoSuchFile], batch => batch.RemoveChain(chain));
        }
    }

    private static bool TrySend(HostSockets sockets, string what, ReadOnlySpan<int> tolerated, Action<NftBatch> fill)
    {
        NftBatch batch = Batch();
        fill(batch);
        try
        {
            batch.Send(sockets.Netfilter, what);
            return true;
        }
        catch (LinuxException exception)
        {
            if (!tolerated.Contains(exception.Errno))
            {
                throw;
            }

            return false;
        }
    }

    private static IReadOnlyList<NftElement> Elements(HostSockets sockets, string set) => NftQueries.Elements(sockets.Netfilter, Ruleset.Family, Ruleset.Table, set);

    private static NftBatch Batch() => new(Ruleset.Family, Ruleset.Table);
}
