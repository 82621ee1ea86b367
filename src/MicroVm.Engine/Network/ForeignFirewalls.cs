using MicroVm.Engine.Native;

namespace MicroVm.Engine.Network;

/// <summary>
/// Other firewalls of the host's: what one chain accepts, the next may still drop. Where Docker or ufw drop what is forwarded, two rules by the links' prefix go
/// into their chain; the policy stays in our own chain, which comes before theirs.
/// </summary>
internal static class ForeignFirewalls
{
    /// <summary>The comment by which our rules in other tables are known.</summary>
    public const string Tag = "microvm";

    private const string Filter = "filter";
    private const string DockerChain = "DOCKER-USER";
    private const string ForwardChain = "FORWARD";
    private const string Firewalld = "firewalld";

    private static readonly NftFamily[] s_families = [NftFamily.Ip, NftFamily.Ip6];

    /// <summary>Adds our rules to Docker's chain for them, or to a FORWARD that drops, unless they are there.</summary>
    /// <returns>Whether any were added.</returns>
    public static bool Open(HostSockets sockets)
    {
        bool added = false;
        foreach (NftFamily family in s_families)
        {
            if (!NftQueries.Tables(sockets.Netfilter, family).Contains(Filter))
            {
                continue;
            }

            string? chain = NftQueries.FindChain(sockets.Netfilter, family, Filter, DockerChain) is not null ? DockerChain
                : NftQueries.FindChain(sockets.Netfilter, family, Filter, ForwardChain) is { Drops: true } ? ForwardChain
                : null;
            // Some of the two rules would be as good as none: both anew.
            if (chain is not null && NftQueries.Rules(sockets.Netfilter, family, Filter, chain).Where(IsOurs).ToArray() is { Length: not 2 } present)
            {
                NftBatch batch = new(family, Filter);
                foreach (NftRule rule in present)
                {
                    batch.RemoveRule(chain, rule.Handle);
                }

                batch.InsertRule(chain, rule => Accept(rule, NftMeta.OutputName), Tag)
                    .InsertRule(chain, rule => Accept(rule, NftMeta.InputName), Tag)
                    .Send(sockets.Netfilter, $"add rules to {chain}");
                added = true;
            }
        }

        return added;
    }

    /// <summary>Removes our rules from other tables.</summary>
    public static void Close(HostSockets sockets)
    {
        foreach (NftFamily family in s_families)
        {
            NftBatch batch = new(family, Filter);
            foreach (string chain in (string[])[DockerChain, ForwardChain])
            {
                foreach (NftRule rule in NftQueries.Rules(sockets.Netfilter, family, Filter, chain).Where(IsOurs))
                {
                    batch.RemoveRule(chain, rule.Handle);
                }
            }

            if (batch.Count > 0)
            {
                batch.Send(sockets.Netfilter, "remove rules of VMs");
            }
        }
    }

    /// <summary>What is in the way of VMs and is not ours to change.</summary>
    public static IReadOnlyList<FirewallWarning> Survey(HostSockets sockets)
    {
        List<FirewallWarning> found = [];
        foreach (NftChain chain in NftQueries.Chains(sockets.Netfilter, NftFamily.None))
        {
            bool isFirewalld = chain.Table == Firewalld && chain.Name == "filter_FORWARD";
            if (!isFirewalld && (chain.Hook != NftChain.Forward || !chain.Drops || IsOpened(chain) || chain.Family is not (NftFamily.Inet or NftFamily.Ip or NftFamily.Ip6)))
            {
                continue;
            }

            // Whoever names our links there has dealt with them.
            if (NftQueries.Rules(sockets.Netfilter, chain.Family, chain.Table).Any(rule => rule.Mentions(SlotConstants.LinkPrefix)))
            {
                continue;
            }

            string family = chain.Family.ToString().ToLowerInvariant();
            found.Add(isFirewalld
                ? new FirewallWarning(
                    "firewalld is active and knows no zone for VMs: it may refuse what they send and what is sent to them.",
                    $"firewall-cmd --permanent --zone=trusted --add-interface={SlotConstants.LinkPrefix}+; firewall-cmd --reload")
                : new FirewallWarning(
                    $"The chain {chain.Name} of table {family} {chain.Table} drops what is forwarded, that of VMs too.",
                    $"nft insert rule {family} {chain.Table} {chain.Name} iifname \"{SlotConstants.LinkPrefix}*\" accept; "
                    + $"nft insert rule {family} {chain.Table} {chain.Name} oifname \"{SlotConstants.LinkPrefix}*\" accept"));
        }

        if (HasLegacyFilter())
        {
            found.Add(new FirewallWarning(
                "The host also has rules of the older iptables, which may drop what VMs send and what is sent to them.",
                $"iptables-legacy -I FORWARD -i {SlotConstants.LinkPrefix}+ -j ACCEPT; iptables-legacy -I FORWARD -o {SlotConstants.LinkPrefix}+ -j ACCEPT"));
        }

        return found;
    }

    // By the thread's namespace, not the process's.
    private static bool HasLegacyFilter()
    {
        try
        {
            return File.ReadLines("/proc/thread-self/net/ip_tables_names").Contains(Filter);
        }
        catch (Exception exception) when (exception is IOException or UnauthorizedAccessException)
        {
            // No such tables in this kernel, or not for us to see.
            return false;
        }
    }

    private static bool IsOurs(NftRule rule) => rule.Comment == Tag;

    private static bool IsOpened(NftChain chain) => chain is { Family: not NftFamily.Inet, Table: Filter, Name: ForwardChain };

    // As iptables writes it, so that its lists can show it: -i mvm+ -j ACCEPT.
    private static void Accept(NftExpressions rule, NftMeta device) =>
        rule.Load(device).Equal("mvm"u8).Count().Decide(NftVerdict.Accept);
}
