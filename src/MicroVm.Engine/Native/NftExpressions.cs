using System.Buffers.Binary;

namespace MicroVm.Engine.Native;

/// <summary>
/// The expressions of a rule, which the kernel evaluates in their order until one does not hold (linux/netfilter/nf_tables.h). All of them work
/// with the first register, which has 16 bytes.
/// </summary>
/// <param name="batch">The message that the rule is in.</param>
internal sealed class NftExpressions(NetlinkBatch batch)
{
    /// <summary>Loads something known of the packet.</summary>
    public NftExpressions Load(NftMeta key)
    {
        Open("meta").AddNetworkUInt32(Nfnetlink.MetaTarget, Nfnetlink.FirstRegister).AddNetworkUInt32(Nfnetlink.MetaKey, (uint)key);
        return Close();
    }

    /// <summary>Loads bytes from the transport header on.</summary>
    public NftExpressions LoadTransport(uint offset, uint length)
    {
        Open("payload")
            .AddNetworkUInt32(Nfnetlink.PayloadTarget, Nfnetlink.FirstRegister)
            .AddNetworkUInt32(Nfnetlink.PayloadBase, Nfnetlink.TransportHeader)
            .AddNetworkUInt32(Nfnetlink.PayloadOffset, offset)
            .AddNetworkUInt32(Nfnetlink.PayloadLength, length);
        return Close();
    }

    /// <summary>Overwrites bytes from the transport header on, with a checksum that covers them.</summary>
    /// <param name="offset">Where they begin.</param>
    /// <param name="length">How many.</param>
    /// <param name="checksum">Where the checksum is, from the transport header on.</param>
    public NftExpressions WriteTransport(uint offset, uint length, uint checksum)
    {
        Open("payload")
            .AddNetworkUInt32(Nfnetlink.PayloadSource, Nfnetlink.FirstRegister)
            .AddNetworkUInt32(Nfnetlink.PayloadBase, Nfnetlink.TransportHeader)
            .AddNetworkUInt32(Nfnetlink.PayloadOffset, offset)
            .AddNetworkUInt32(Nfnetlink.PayloadLength, length)
            .AddNetworkUInt32(Nfnetlink.PayloadChecksumType, Nfnetlink.InternetChecksum)
            .AddNetworkUInt32(Nfnetlink.PayloadChecksumOffset, checksum)
            .AddNetworkUInt32(Nfnetlink.PayloadChecksumFlags, 0);
        return Close();
    }

    /// <summary>Loads the address that the first packet of the flow was sent to, whatever it was translated to.</summary>
    public NftExpressions LoadOriginalDestination(bool ipv6)
    {
        Open("ct")
            .AddNetworkUInt32(Nfnetlink.FlowTarget, Nfnetlink.FirstRegister)
            .AddNetworkUInt32(Nfnetlink.FlowKey, ipv6 ? Nfnetlink.FlowDestination6 : Nfnetlink.FlowDestination4)
            .AddByte(Nfnetlink.FlowDirection, Nfnetlink.OriginalDirection);
        return Close();
    }

    /// <summary>Keeps the bits of the first register that a mask has.</summary>
    public NftExpressions Mask(ReadOnlySpan<byte> mask)
    {
        Open("bitwise")
            .AddNetworkUInt32(Nfnetlink.BitwiseSource, Nfnetlink.FirstRegister)
            .AddNetworkUInt32(Nfnetlink.BitwiseTarget, Nfnetlink.FirstRegister)
            .AddNetworkUInt32(Nfnetlink.BitwiseLength, (uint)mask.Length);
        AddData(Nfnetlink.BitwiseMask, mask);
        AddData(Nfnetlink.BitwiseFlip, new byte[mask.Length]);
        return Close();
    }

    /// <summary>Holds if the first register begins with these bytes.</summary>
    public NftExpressions Equal(ReadOnlySpan<byte> value)
    {
        Open("cmp").AddNetworkUInt32(Nfnetlink.CompareSource, Nfnetlink.FirstRegister).AddNetworkUInt32(Nfnetlink.CompareHow, Nfnetlink.IsEqual);
        AddData(Nfnetlink.CompareData, value);
        return Close();
    }

    /// <summary>Holds if a packet is of IPv4, or of IPv6.</summary>
    public NftExpressions IsFamily(bool ipv6) => Load(NftMeta.Family).Equal([(byte)(ipv6 ? NftFamily.Ip6 : NftFamily.Ip)]);

    /// <summary>Holds if a set has what is in the first register.</summary>
    public NftExpressions IsIn(string set)
    {
        Open("lookup").AddText(Nfnetlink.LookupSet, set).AddNetworkUInt32(Nfnetlink.LookupSource, Nfnetlink.FirstRegister);
        return Close();
    }

    /// <summary>Replaces the first register by what a map has for it; holds if it has it.</summary>
    public NftExpressions MapBy(string map)
    {
        Open("lookup")
            .AddText(Nfnetlink.LookupSet, map)
            .AddNetworkUInt32(Nfnetlink.LookupSource, Nfnetlink.FirstRegister)
            .AddNetworkUInt32(Nfnetlink.LookupTarget, Nfnetlink.FirstRegister);
        return Close();
    }

    /// <summary>Sets the first register.</summary>
    public NftExpressions Set(ReadOnlySpan<byte> value)
    {
        Open("immediate").AddNetworkUInt32(Nfnetlink.ImmediateTarget, Nfnetlink.FirstRegister);
        AddData(Nfnetlink.ImmediateData, value);
        return Close();
    }

    /// <summary>Counts packets, as the rules that iptables makes do.</summary>
    public NftExpressions Count()
    {
        Open("counter").AddBytes(Nfnetlink.CounterBytes, new byte[8]).AddBytes(Nfnetlink.CounterPackets, new byte[8]);
        return Close();
    }

    /// <summary>Decides.</summary>
    /// <param name="verdict">How.</param>
    /// <param name="chain">For <see cref="NftVerdict.Jump"/> and <see cref="NftVerdict.Goto"/>.</param>
    public NftExpressions Decide(NftVerdict verdict, string? chain = null)
    {
        Open("immediate").AddNetworkUInt32(Nfnetlink.ImmediateTarget, Nfnetlink.VerdictRegister).Open(Nfnetlink.ImmediateData);
        AddVerdict(batch, verdict, chain);
        batch.Close();
        return Close();
    }

    /// <summary>Adds a verdict as data.</summary>
    public static void AddVerdict(NetlinkBatch batch, NftVerdict verdict, string? chain)
    {
        batch.Open(Nfnetlink.DataVerdict).AddNetworkUInt32(Nfnetlink.VerdictCode, (uint)(int)verdict);
        if (chain is not null)
        {
            batch.AddText(Nfnetlink.VerdictChain, chain);
        }

        batch.Close();
    }

    /// <summary>A number of 64 bits in network order.</summary>
    public static byte[] BigEndian(ulong value)
    {
        byte[] bytes = new byte[8];
        BinaryPrimitives.WriteUInt64BigEndian(bytes, value);
        return bytes;
    }

    private NetlinkBatch Open(string name) => batch.Open(Nfnetlink.ListItem).AddText(Nfnetlink.ExpressionName, name).Open(Nfnetlink.ExpressionData);

    private void AddData(ushort attribute, ReadOnlySpan<byte> value) => batch.Open(attribute).AddBytes(Nfnetlink.DataValue, value).Close();

    private NftExpressions Close()
    {
        batch.Close().Close();
        return this;
    }
}
