using System.Buffers.Binary;

namespace MicroVm.Engine.Storage;

/// <summary>
/// Takes the ELF kernel ("vmlinux") out of a bzImage (Documentation/arch/x86/boot.rst in Linux). A VMM that enters it through its PVH note saves the guest
/// the unpacking, and Firecracker boots nothing else on x86-64.
/// </summary>
internal static class KernelExtractor
{
    // XEN_ELFNOTE_PHYS32_ENTRY: the entry point for PVH.
    private const uint PvhEntryNote = 18;
    private const int SectorBytes = 512;
    private const int SetupSectors = 0x1F1;
    private const int HeaderMagic = 0x202;
    private const int ProtocolVersion = 0x206;
    private const int PayloadOffset = 0x248;
    private const int PayloadLength = 0x24C;
    private const int HeaderEnd = 0x250;

    // The protocol version that introduced the payload fields.
    private const int VersionWithPayload = 0x208;

    /// <summary>Whether the content begins as a bzImage does.</summary>
    public static bool IsBzImage(ReadOnlySpan<byte> content) => content.Length >= HeaderEnd && content[HeaderMagic..].StartsWith("HdrS"u8);

    /// <summary>Whether an ELF kernel can be entered through PVH.</summary>
    public static bool HasPvhEntry(ReadOnlyMemory<byte> vmlinux) => new ElfFile(vmlinux).HasNote("Xen", PvhEntryNote);

    /// <summary>
    /// The ELF kernel with a PVH entry that a bzImage holds; or null when it holds none, or is packed in a way nothing here unpacks. Then boot the bzImage.
    /// </summary>
    /// <param name="bzImage">The whole file.</param>
    /// <param name="observer">Hears why there is no ELF kernel.</param>
    /// <param name="cancellationToken">Cancels the unpacking.</param>
    /// <exception cref="InvalidDataException">The file is damaged.</exception>
    public static async Task<byte[]?> ExtractAsync(ReadOnlyMemory<byte> bzImage, IOperationObserver observer, CancellationToken cancellationToken)
    {
        if (FindPayload(bzImage) is not { } payload)
        {
            observer.Verbose("The kernel is no bzImage with a payload; it is used as it is.");
            return null;
        }

        using MemoryStream vmlinux = new();
        try
        {
            if (!await Decompressor.TryUnpackAsync(payload, vmlinux, cancellationToken))
            {
                observer.Verbose("The kernel is packed in an unknown way; it is used as it is.");
                return null;
            }
        }
        catch (Errors.MicroVmException exception) when (exception.Kind == Errors.ErrorKind.NotInstalled)
        {
            observer.Verbose($"{exception.Message} The kernel stays packed, which makes boots slower. {exception.RecommendedAction}");
            return null;
        }

        byte[] content = vmlinux.ToArray();
        if (!ElfFile.IsElf(content) || !HasPvhEntry(content))
        {
            observer.Verbose("The kernel has no PVH entry; it is used as it is.");
            return null;
        }

        return content;
    }

    private static ReadOnlyMemory<byte>? FindPayload(ReadOnlyMemory<byte> bzImage)
    {
        ReadOnlySpan<byte> file = bzImage.Span;
        if (!IsBzImage(file) || BinaryPrimitives.ReadUInt16LittleEndian(file[ProtocolVersion..]) < VersionWithPayload)
        {
            return null;
        }

        // Zero means four, for the sake of very old kernels.
        int setup = file[SetupSectors] == 0 ? 4 : file[SetupSectors];
        long start = ((setup + 1L) * SectorBytes) + BinaryPrimitives.ReadUInt32LittleEndian(file[PayloadOffset..]);
        long length = BinaryPrimitives.ReadUInt32LittleEndian(file[PayloadLength..]);
        if (start + length > file.Length)
        {
            throw new InvalidDataException("The kernel file is shorter than its header says.");
        }

        ReadOnlyMemory<byte> payload = bzImage.Slice((int)start, (int)length);
        // The build appends the unpacked size to every format but gzip, which ends with it anyway.
        return payload.Span.StartsWith<byte>([0x1F, 0x8B]) || payload.Length < sizeof(uint) ? payload : payload[..^sizeof(uint)];
    }
}
