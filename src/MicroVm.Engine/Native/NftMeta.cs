namespace MicroVm.Engine.Native;

/// <summary>What is known of a packet besides its bytes (enum nft_meta_keys).</summary>
internal enum NftMeta
{
    /// <summary>The name of the device it came in by, 16 bytes.</summary>
    InputName = 6,

    /// <summary>The name of the device it leaves by, 16 bytes.</summary>
    OutputName = 7,

    /// <summary>Its address family, one byte: 2 or 10.</summary>
    Family = 15,

    /// <summary>Its transport protocol, one byte.</summary>
    Protocol = 16,
}
