using System.Buffers.Binary;
using System.IO.Compression;
using MicroVm.Engine.Storage;

using MicroVm.Engine.Native;

namespace MicroVm.Engine.Tests.Storage;

public class KernelExtractorTests
{
    private static readonly byte[] Vmlinux = [.. ElfBuilder.WithNote("Xen", 18), .. Pattern(300_000)];

    [Fact]
    public async Task Gzip_payload_is_unpacked()
    {
        using MemoryStream packed = new();
        using (GZipStream gzip = new(packed, CompressionLevel.Fastest, leaveOpen: true))
        {
            gzip.Write(Vmlinux);
        }

        Assert.Equal(Vmlinux, await KernelExtractor.ExtractAsync(BzImage(packed.ToArray()), NullObserver.Instance, default));
    }

    [Theory]
    [InlineData("xz", new[] { "-c", "-T1" })]
    [InlineData("zstd", new[] { "-c" })]
    [InlineData("lz4", new[] { "-c", "-l" })]
    [InlineData("bzip2", new[] { "-c" })]
    public async Task Payload_packed_by_a_tool_is_unpacked(string tool, string[] arguments)
    {
        HostTool packer = new(tool, tool);
        if (packer.Find() is null)
        {
            return;
        }

        using MemoryStream packed = new();
        await packer.StreamAsync(
            arguments,
            TimeSpan.FromSeconds(30),
            async (input, token) => await input.WriteAsync(Vmlinux, token),
            (output, token) => output.CopyToAsync(packed, token),
            default);
        // As the kernel's build does, the unpacked size follows.
        packed.Write(BitConverter.GetBytes(Vmlinux.Length));

        Assert.Equal(Vmlinux, await KernelExtractor.ExtractAsync(BzImage(packed.ToArray()), NullObserver.Instance, default));
    }

    [Fact]
    public async Task Kernel_without_PVH_entry_stays_packed()
    {
        using MemoryStream packed = new();
        using (GZipStream gzip = new(packed, CompressionLevel.Fastest, leaveOpen: true))
        {
            gzip.Write(ElfBuilder.WithNote("GNU", 3));
        }

        Assert.Null(await KernelExtractor.ExtractAsync(BzImage(packed.ToArray()), NullObserver.Instance, default));
    }

    [Fact]
    public async Task Unknown_packing_stays_packed() =>
        Assert.Null(await KernelExtractor.ExtractAsync(BzImage([1, 2, 3, 4, 5, 6, 7, 8]), NullObserver.Instance, default));

    [Fact]
    public async Task What_is_no_bzImage_stays_as_it_is() => Assert.Null(await KernelExtractor.ExtractAsync(Vmlinux, NullObserver.Instance, default));

    [Fact]
    public async Task Cut_off_kernel_is_refused()
    {
        byte[] kernel = BzImage(new byte[1000]);

        await Assert.ThrowsAsync<InvalidDataException>(() => KernelExtractor.ExtractAsync(kernel.AsMemory(0, kernel.Length - 1), NullObserver.Instance, default));
    }

    [Theory]
    [InlineData(new byte[] { 0x10 })]
    [InlineData(new byte[] { 0xF0, 0xFF })]
    [InlineData(new byte[] { 0x10, 0x41, 0x00, 0x00 })]
    [InlineData(new byte[] { 0x10, 0x41, 0x05, 0x00 })]
    public void Damaged_LZ4_block_is_refused(byte[] block)
    {
        byte[] frame = [.. Lz4LegacyDecoder.Magic, .. BitConverter.GetBytes(block.Length), .. block];

        Assert.Throws<InvalidDataException>(() => Lz4LegacyDecoder.Decode(frame, Stream.Null));
    }

    private static byte[] BzImage(byte[] payload)
    {
        const int Setup = 2;
        byte[] kernel = new byte[((Setup + 1) * 512) + 16 + payload.Length];
        kernel[0x1F1] = Setup;
        "HdrS"u8.CopyTo(kernel.AsSpan(0x202));
        BinaryPrimitives.WriteUInt16LittleEndian(kernel.AsSpan(0x206), 0x20F);
        BinaryPrimitives.WriteInt32LittleEndian(kernel.AsSpan(0x248), 16);
        BinaryPrimitives.WriteInt32LittleEndian(kernel.AsSpan(0x24C), payload.Length);
        payload.CopyTo(kernel, ((Setup + 1) * 512) + 16);
        return kernel;
    }

    // Runs and noise, so that packers use literals as well as overlapping matches.
    private static byte[] Pattern(int length)
    {
        byte[] bytes = new byte[length];
        new Random(1).NextBytes(bytes);
        bytes.AsSpan(1000, 100_000).Clear();
        "abc"u8.CopyTo(bytes.AsSpan(150_000));
        for (int i = 150_003; i < 200_000; i++)
        {
            bytes[i] = bytes[i - 3];
        }

        return bytes;
    }
}
