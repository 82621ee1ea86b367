using System.Runtime.InteropServices;

namespace MicroVm.Engine.Native;

/// <summary>What a message of nfnetlink begins with (struct nfgenmsg of linux/netfilter/nfnetlink.h).</summary>
/// <param name="family">What it is about.</param>
[StructLayout(LayoutKind.Sequential)]
internal readonly struct NetfilterHeader(NftFamily family)
{
    /// <summary>nfgen_family.</summary>
    public readonly NftFamily Family = family;

    private readonly byte _version;
    private readonly ushort _resource;
}
