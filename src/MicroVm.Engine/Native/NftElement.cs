namespace MicroVm.Engine.Native;

/// <summary>An element of a set or map as the kernel lists it.</summary>
/// <param name="Key">Its key.</param>
/// <param name="Data">A map's data, empty for a set or a verdict.</param>
/// <param name="Chain">Where a verdict leads, or null.</param>
internal sealed record NftElement(byte[] Key, byte[] Data, string? Chain)
{
    /// <summary>Reads an NFT_MSG_NEWSETELEM, which has many.</summary>
    public static IReadOnlyList<NftElement> AllOf(NetlinkMessage message)
    {
        List<NftElement> found = [];
        NetlinkAttributes attributes = message.Attributes(4);
        if (attributes.MoveTo(Nfnetlink.Elements))
        {
            for (NetlinkAttributes items = attributes.Inside; items.MoveNext();)
            {
                found.Add(Of(items.Inside));
            }
        }

        return found;
    }

    private static NftElement Of(NetlinkAttributes element)
    {
        byte[] key = [];
        byte[] data = [];
        string? chain = null;
        while (element.MoveNext())
        {
            NetlinkAttributes inside = element.Inside;
            if (element.Type == Nfnetlink.ElementKey && inside.MoveNext())
            {
                key = inside.Value.ToArray();
            }
            else if (element.Type == Nfnetlink.ElementData && inside.MoveNext())
            {
                NetlinkAttributes verdict = inside.Inside;
                if (inside.Type != Nfnetlink.DataVerdict)
                {
                    data = inside.Value.ToArray();
                }
                else if (verdict.MoveTo(Nfnetlink.VerdictChain))
                {
                    chain = verdict.Text;
                }
            }
        }

        return new NftElement(key, data, chain);
    }
}
