using System.IO.Compression;

using MicroVm.Engine.Native;

namespace MicroVm.Engine.Storage;

/// <summary>Unpacks what kernels and their modules are packed with, told by its first bytes: gzip and legacy LZ4 here, the rest by the host's tools.</summary>
internal static class Decompressor
{
    private static readonly (byte[] Magic, HostTool Tool)[] Tools =
    [
        ([0xFD, 0x37, 0x7A, 0x58, 0x5A, 0x00], new HostTool("xz", "xz-utils")),
        ([0x28, 0xB5, 0x2F, 0xFD], new HostTool("zstd", "zstd")),
        ([0x42, 0x5A, 0x68], new HostTool("bzip2", "bzip2")),
        ([0x5D, 0x00, 0x00], new HostTool("xz", "xz-utils")),
    ];

    private static readonly TimeSpan BaseTimeout = TimeSpan.FromSeconds(30);

    // The slowest of them, xz, unpacks several times this on any machine.
    private const long BytesPerSecond = 1 << 20;

    /// <summary>
    /// Writes the unpacked content. Returns false, with nothing written, when the format is unknown.
    /// </summary>
    /// <exception cref="InvalidDataException">The content is damaged.</exception>
    /// <exception cref="Errors.MicroVmException">ToolFailed: the tool for the format is missing or failed.</exception>
    public static async Task<bool> TryUnpackAsync(ReadOnlyMemory<byte> packed, Stream output, CancellationToken cancellationToken)
    {
        if (packed.Span.StartsWith(Lz4LegacyDecoder.Magic))
        {
            Lz4LegacyDecoder.Decode(packed.Span, output);
            return true;
        }

        if (packed.Span.StartsWith<byte>([0x1F, 0x8B, 0x08]))
        {
            await using GZipStream gzip = new(new MemoryStream(packed.ToArray(), writable: false), CompressionMode.Decompress);
            await gzip.CopyToAsync(output, cancellationToken);
            return true;
        }

        foreach ((byte[] magic, HostTool tool) in Tools)
        {
            if (packed.Span.StartsWith(magic))
            {
                await UnpackWithAsync(tool, packed, output, cancellationToken);
                return true;
            }
        }

        return false;
    }

    private static Task UnpackWithAsync(HostTool tool, ReadOnlyMemory<byte> packed, Stream output, CancellationToken cancellationToken) =>
        tool.StreamAsync(
            ["-d", "-c", "-q"],
            BaseTimeout + TimeSpan.FromSeconds(packed.Length / BytesPerSecond),
            async (input, token) => await input.WriteAsync(packed, token),
            (unpacked, token) => unpacked.CopyToAsync(output, token),
            cancellationToken);
}
