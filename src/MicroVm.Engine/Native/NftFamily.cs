namespace MicroVm.Engine.Native;

/// <summary>The address family of a table of the packet filter (NFPROTO_* of linux/netfilter.h).</summary>
internal enum NftFamily : byte
{
    /// <summary>None in particular, or all.</summary>
    None = 0,

    /// <summary>IPv4 and IPv6.</summary>
    Inet = 1,

    /// <summary>IPv4.</summary>
    Ip = 2,

    /// <summary>Frames that come in by ports of bridges.</summary>
    Bridge = 7,

    /// <summary>IPv6.</summary>
    Ip6 = 10,
}
