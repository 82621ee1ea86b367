using MicroVm.Engine.Native;

namespace MicroVm.Engine.Network;

/// <summary>
/// Rules that nft(8) has no words for, but can list. Errors of ICMP quote the packet they are about, with its addresses: those are translated as well, or else nobody would know
/// what the error is about, and paths with a smaller MTU would swallow packets without a word.
/// </summary>
internal static class QuotedRules
{
    // From the header of ICMP on: 8 bytes of its own, then the quoted packet's header.
    private const uint Checksum6 = 2;
    private const uint QuotedSource6 = 8 + 8;
    private const uint QuotedDestination6 = 8 + 24;
    private const uint QuotedSource4 = 8 + 12;
    private const uint QuotedDestination4 = 8 + 16;

    // The header's own checksum takes up the change, so that the sum over it stays as it was, and with it the checksum of ICMP.
    private const uint QuotedChecksum4 = 8 + 10;

    /// <summary>Puts the rules into their chains, in place of those that may be there.</summary>
    public static void AddTo(NftBatch batch)
    {
        byte[] guest4 = SlotConstants.Guest.GetAddressBytes();
        byte[] guest6 = SlotConstants.GuestV6.GetAddressBytes();
        batch.RenewChain("quoted-in")
            .AppendRule("quoted-in", rule => rule
                .IsFamily(ipv6: false)
                .LoadTransport(QuotedDestination4, 4).Equal(guest4)
                .Load(NftMeta.InputName).MapBy("sources4")
                .WriteTransport(QuotedDestination4, 4, QuotedChecksum4))
            .AppendRule("quoted-in", rule => rule
                .IsFamily(ipv6: true)
                .LoadTransport(QuotedDestination6, 16).Equal(guest6)
                .Load(NftMeta.InputName).MapBy("sources6")
                .WriteTransport(QuotedDestination6, 16, Checksum6));
        batch.RenewChain("quoted-out")
            .AppendRule("quoted-out", rule => rule
                .IsFamily(ipv6: false)
                .LoadTransport(QuotedSource4, 4).IsIn("pools4")
                .Set(guest4).WriteTransport(QuotedSource4, 4, QuotedChecksum4))
            .AppendRule("quoted-out", rule => rule
                .IsFamily(ipv6: true)
                .LoadTransport(QuotedSource6, 16).IsIn("pools6")
                .Set(guest6).WriteTransport(QuotedSource6, 16, Checksum6));
    }
}
