namespace MicroVm.Engine.Native;

/// <summary>A chain as the kernel lists it.</summary>
/// <param name="Family">The family of its table.</param>
/// <param name="Table">Its table.</param>
/// <param name="Name">Its name.</param>
/// <param name="Hook">Where packets come into it (NF_INET_*), or null if only by jumps.</param>
/// <param name="Drops">Whether its policy is to drop.</param>
internal sealed record NftChain(NftFamily Family, string Table, string Name, uint? Hook, bool Drops)
{
    /// <summary>NF_INET_FORWARD.</summary>
    public const uint Forward = 2;

    /// <summary>Reads an NFT_MSG_NEWCHAIN.</summary>
    public static NftChain Of(NetlinkMessage message)
    {
        string table = "";
        string name = "";
        uint? hook = null;
        bool drops = false;
        NetlinkAttributes attributes = message.Attributes(4);
        while (attributes.MoveNext())
        {
            switch (attributes.Type)
            {
                case Nfnetlink.ChainTable:
                    table = attributes.Text;
                    break;
                case Nfnetlink.ChainName:
                    name = attributes.Text;
                    break;
                case Nfnetlink.ChainHook:
                    NetlinkAttributes inside = attributes.Inside;
                    hook = inside.MoveTo(Nfnetlink.HookNumber) ? inside.NetworkUInt32 : null;
                    break;
                case Nfnetlink.ChainPolicy:
                    drops = attributes.NetworkUInt32 == (uint)NftVerdict.Drop;
                    break;
            }
        }

        return new NftChain(message.Structure<NetfilterHeader>().Family, table, name, hook, drops);
    }
}
