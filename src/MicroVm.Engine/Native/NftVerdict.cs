namespace MicroVm.Engine.Native;

/// <summary>What becomes of a packet (enum nft_verdicts, NF_* of linux/netfilter.h).</summary>
internal enum NftVerdict
{
    /// <summary>It is thrown away.</summary>
    Drop = 0,

    /// <summary>It goes on to the next base chain.</summary>
    Accept = 1,

    /// <summary>It goes on in another chain and comes back.</summary>
    Jump = -3,

    /// <summary>It goes on in another chain.</summary>
    Goto = -4,
}
