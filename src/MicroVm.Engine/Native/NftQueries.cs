namespace MicroVm.Engine.Native;

/// <summary>Questions to the packet filter of the socket's network namespace (NFNL_SUBSYS_NFTABLES).</summary>
internal static class NftQueries
{
    /// <summary>Whether there is that table.</summary>
    public static bool HasTable(NetlinkSocket socket, NftFamily family, string table) =>
        Ask(socket, $"find table {table}", batch => batch.Begin(Message(Nfnetlink.GetTable), 0, "ask").Add(new NetfilterHeader(family)).AddText(Nfnetlink.TableName, table)) is not null;

    /// <summary>The tables of a family.</summary>
    public static IReadOnlyList<string> Tables(NetlinkSocket socket, NftFamily family) =>
        [.. Dump(socket, "list the tables", batch => batch.Begin(Message(Nfnetlink.GetTable), NetlinkBatch.Dump, "ask").Add(new NetfilterHeader(family))).Select(NameOf)];

    /// <summary>A chain, or null.</summary>
    public static NftChain? FindChain(NetlinkSocket socket, NftFamily family, string table, string chain) =>
        Ask(socket, $"find chain {chain}", batch => batch.Begin(Message(Nfnetlink.GetChain), 0, "ask").Add(new NetfilterHeader(family)).AddText(Nfnetlink.ChainTable, table).AddText(Nfnetlink.ChainName, chain)) is [var found, ..]
            ? NftChain.Of(found)
            : null;

    /// <summary>All chains of a family's tables, or of all.</summary>
    public static IReadOnlyList<NftChain> Chains(NetlinkSocket socket, NftFamily family) =>
        [.. Dump(socket, "list the chains", batch => batch.Begin(Message(Nfnetlink.GetChain), NetlinkBatch.Dump, "ask").Add(new NetfilterHeader(family))).Select(NftChain.Of)];

    /// <summary>The rules of a table's chain, or of all its chains.</summary>
    public static IReadOnlyList<NftRule> Rules(NetlinkSocket socket, NftFamily family, string table, string? chain = null) =>
        [.. Dump(socket, "list the rules", batch =>
        {
            batch.Begin(Message(Nfnetlink.GetRule), NetlinkBatch.Dump, "ask").Add(new NetfilterHeader(family)).AddText(Nfnetlink.RuleTable, table);
            if (chain is not null)
            {
                batch.AddText(Nfnetlink.RuleChain, chain);
            }
        }).Select(NftRule.Of)];

    /// <summary>The elements of a set or map; none if it is not there.</summary>
    public static IReadOnlyList<NftElement> Elements(NetlinkSocket socket, NftFamily family, string table, string set) =>
        [.. Dump(socket, $"list {set}", batch => batch.Begin(Message(Nfnetlink.GetElement), NetlinkBatch.Dump, "ask").Add(new NetfilterHeader(family)).AddText(Nfnetlink.ElementsTable, table).AddText(Nfnetlink.ElementsSet, set))
            .SelectMany(NftElement.AllOf)];

    /// <summary>Whether a set has all of these elements; not if there is no such set.</summary>
    public static bool HasElements(NetlinkSocket socket, NftFamily family, string table, string set, params ReadOnlySpan<byte[]> keys)
    {
        NetlinkBatch batch = new();
        batch.Begin(Message(Nfnetlink.GetElement), 0, "ask").Add(new NetfilterHeader(family)).AddText(Nfnetlink.ElementsTable, table).AddText(Nfnetlink.ElementsSet, set).Open(Nfnetlink.Elements);
        foreach (byte[] key in keys)
        {
            batch.Open(Nfnetlink.ListItem).Open(Nfnetlink.ElementKey).AddBytes(Nfnetlink.DataValue, key).Close().Close();
        }

        batch.Close();
        return Found(socket, batch, $"look into {set}") is not null;
    }

    private static string NameOf(NetlinkMessage message)
    {
        NetlinkAttributes attributes = message.Attributes(4);
        return attributes.MoveTo(Nfnetlink.TableName) ? attributes.Text : "";
    }

    private static ushort Message(byte type) => (ushort)((Nfnetlink.TablesSubsystem << 8) | type);

    private static IReadOnlyList<NetlinkMessage>? Ask(NetlinkSocket socket, string what, Action<NetlinkBatch> question)
    {
        NetlinkBatch batch = new();
        question(batch);
        return Found(socket, batch, what);
    }

    private static IReadOnlyList<NetlinkMessage>? Found(NetlinkSocket socket, NetlinkBatch batch, string what)
    {
        try
        {
            return socket.Send(batch, what);
        }
        catch (LinuxException exception) when (exception.Errno == Errno.NoSuchFile)
        {
            return null;
        }
    }

    private static IReadOnlyList<NetlinkMessage> Dump(NetlinkSocket socket, string what, Action<NetlinkBatch> question)
    {
        NetlinkBatch batch = new();
        question(batch);
        try
        {
            return socket.Dump(batch, what);
        }
        catch (LinuxException exception) when (exception.Errno == Errno.NoSuchFile)
        {
            return [];
        }
    }
}
