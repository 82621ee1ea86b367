using System.Buffers.Binary;
using System.Text;

namespace MicroVm.Engine.Native;

/// <summary>A rule as the kernel lists it.</summary>
/// <param name="Handle">Its number in the table.</param>
/// <param name="Comment">Its comment, or null.</param>
/// <param name="Expressions">Its expressions, as in the message.</param>
internal sealed record NftRule(ulong Handle, string? Comment, byte[] Expressions)
{
    // NFTNL_UDATA_RULE_COMMENT of nft(8), which the kernel does not know.
    private const byte CommentType = 0;

    /// <summary>Whether a text occurs in what it compares with.</summary>
    public bool Mentions(string text) => Expressions.AsSpan().IndexOf(Encoding.UTF8.GetBytes(text)) >= 0;

    /// <summary>A comment the way nft(8) keeps it: type, length, text with its zero.</summary>
    public static byte[] UserDataOf(string comment)
    {
        byte[] text = Encoding.UTF8.GetBytes(comment + "\0");
        return [CommentType, (byte)text.Length, .. text];
    }

    /// <summary>Reads an NFT_MSG_NEWRULE.</summary>
    public static NftRule Of(NetlinkMessage message)
    {
        ulong handle = 0;
        string? comment = null;
        byte[] expressions = [];
        NetlinkAttributes attributes = message.Attributes(4);
        while (attributes.MoveNext())
        {
            switch (attributes.Type)
            {
                case Nfnetlink.RuleHandle when attributes.Value.Length == 8:
                    handle = BinaryPrimitives.ReadUInt64BigEndian(attributes.Value);
                    break;
                case Nfnetlink.RuleExpressions:
                    expressions = attributes.Value.ToArray();
                    break;
                case Nfnetlink.RuleUserData:
                    comment = CommentIn(attributes.Value);
                    break;
            }
        }

        return new NftRule(handle, comment, expressions);
    }

    private static string? CommentIn(ReadOnlySpan<byte> data)
    {
        while (data.Length >= 2 && data.Length >= 2 + data[1])
        {
            if (data[0] == CommentType)
            {
                return Encoding.UTF8.GetString(data.Slice(2, data[1]).TrimEnd((byte)0));
            }

            data = data[(2 + data[1])..];
        }

        return null;
    }
}
