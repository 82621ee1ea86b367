namespace MicroVm.Engine.Native;

/// <summary>
/// Changes to one table of the packet filter, as one transaction in one system call: all or nothing, and no packet sees half of it (NFNL_SUBSYS_NFTABLES,
/// linux/netfilter/nf_tables.h).
/// </summary>
/// <param name="family">The table's address family: one of <see cref="NftFamily"/>.</param>
/// <param name="table">The table.</param>
internal sealed class NftBatch(NftFamily family, string table)
{
    private readonly NetlinkBatch _batch = new NetlinkBatch().BeginTransaction(Nfnetlink.TablesSubsystem);

    /// <summary>How many changes there are.</summary>
    public int Count { get; private set; }

    /// <summary>Adds an element to a set, or to a map with its data. That it is there already, with the same data, is no error.</summary>
    public NftBatch AddElement(string set, ReadOnlySpan<byte> key, ReadOnlySpan<byte> data = default)
    {
        BeginElement(Nfnetlink.NewElement, NetlinkBatch.Create, set, key);
        if (!data.IsEmpty)
        {
            _batch.Open(Nfnetlink.ElementData).AddBytes(Nfnetlink.DataValue, data).Close();
        }

        _batch.Close().Close();
        return this;
    }

    /// <summary>Adds an element to a map of verdicts: packets with that key go to that chain, and not back.</summary>
    public NftBatch AddGoto(string map, ReadOnlySpan<byte> key, string chain)
    {
        BeginElement(Nfnetlink.NewElement, NetlinkBatch.Create, map, key);
        _batch.Open(Nfnetlink.ElementData);
        NftExpressions.AddVerdict(_batch, NftVerdict.Goto, chain);
        _batch.Close().Close().Close();
        return this;
    }

    /// <summary>Removes an element; one that is not there fails the transaction with ENOENT.</summary>
    public NftBatch RemoveElement(string set, ReadOnlySpan<byte> key)
    {
        BeginElement(Nfnetlink.DeleteElement, 0, set, key);
        _batch.Close().Close();
        return this;
    }

    /// <summary>Removes all elements of a set or map.</summary>
    public NftBatch Empty(string set)
    {
        Begin(Nfnetlink.DeleteElement, 0, $"empty {set}").AddText(Nfnetlink.ElementsTable, table).AddText(Nfnetlink.ElementsSet, set);
        return this;
    }

    /// <summary>Makes a chain that others jump to, if it is not there, and takes out its rules if it is.</summary>
    public NftBatch RenewChain(string chain)
    {
        Begin(Nfnetlink.NewChain, NetlinkBatch.Create, $"add chain {chain}").AddText(Nfnetlink.ChainTable, table).AddText(Nfnetlink.ChainName, chain);
        Begin(Nfnetlink.DeleteRule, 0, $"flush chain {chain}").AddText(Nfnetlink.RuleTable, table).AddText(Nfnetlink.RuleChain, chain);
        return this;
    }

    /// <summary>Removes a chain with its rules; one that something leads to fails the transaction with EBUSY.</summary>
    public NftBatch RemoveChain(string chain)
    {
        Begin(Nfnetlink.DeleteChain, 0, $"remove chain {chain}").AddText(Nfnetlink.ChainTable, table).AddText(Nfnetlink.ChainName, chain);
        return this;
    }

    /// <summary>Removes the table with all that is in it.</summary>
    public NftBatch RemoveTable()
    {
        Begin(Nfnetlink.DeleteTable, 0, $"remove table {table}").AddText(Nfnetlink.TableName, table);
        return this;
    }

    /// <summary>Adds a rule at the end of a chain.</summary>
    public NftBatch AppendRule(string chain, Action<NftExpressions> expressions)
    {
        AddRule(chain, Nfnetlink.Append, expressions, comment: null);
        return this;
    }

    /// <summary>Adds a rule before all others of a chain.</summary>
    /// <param name="chain">The chain.</param>
    /// <param name="expressions">Writes the rule.</param>
    /// <param name="comment">What lists show with it.</param>
    public NftBatch InsertRule(string chain, Action<NftExpressions> expressions, string comment)
    {
        AddRule(chain, 0, expressions, comment);
        return this;
    }

    /// <summary>Removes a rule.</summary>
    /// <param name="chain">The chain.</param>
    /// <param name="handle">As <see cref="NftRule.Handle"/>.</param>
    public NftBatch RemoveRule(string chain, ulong handle)
    {
        Begin(Nfnetlink.DeleteRule, 0, $"remove a rule of {chain}")
            .AddText(Nfnetlink.RuleTable, table)
            .AddText(Nfnetlink.RuleChain, chain)
            .AddBytes(Nfnetlink.RuleHandle, NftExpressions.BigEndian(handle));
        return this;
    }

    /// <summary>Does it.</summary>
    /// <exception cref="LinuxException">The first change that failed; nothing was done.</exception>
    public void Send(NetlinkSocket socket, string what)
    {
        _batch.EndTransaction(Nfnetlink.TablesSubsystem);
        socket.Send(_batch, what);
    }

    private void AddRule(string chain, ushort place, Action<NftExpressions> expressions, string? comment)
    {
        Begin(Nfnetlink.NewRule, (ushort)(NetlinkBatch.Create | place), $"add a rule to {chain}").AddText(Nfnetlink.RuleTable, table).AddText(Nfnetlink.RuleChain, chain);
        _batch.Open(Nfnetlink.RuleExpressions);
        expressions(new NftExpressions(_batch));
        _batch.Close();
        if (comment is not null)
        {
            _batch.AddBytes(Nfnetlink.RuleUserData, NftRule.UserDataOf(comment));
        }
    }

    private void BeginElement(byte message, ushort flags, string set, ReadOnlySpan<byte> key) =>
        Begin(message, flags, message == Nfnetlink.NewElement ? $"add to {set}" : $"remove from {set}")
            .AddText(Nfnetlink.ElementsTable, table)
            .AddText(Nfnetlink.ElementsSet, set)
            .Open(Nfnetlink.Elements)
            .Open(Nfnetlink.ListItem)
            .Open(Nfnetlink.ElementKey)
            .AddBytes(Nfnetlink.DataValue, key)
            .Close();

    private NetlinkBatch Begin(byte message, ushort flags, string step)
    {
        Count++;
        return _batch.Begin((ushort)((Nfnetlink.TablesSubsystem << 8) | message), flags, step).Add(new NetfilterHeader(family));
    }
}
