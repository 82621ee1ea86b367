using System.Buffers.Binary;

namespace MicroVm.Engine.Storage;

/// <summary>
/// Unpacks the "legacy" frame of LZ4 that Linux kernels are packed with: a magic number, then blocks of up to 8 MiB, each preceded by its packed size. The
/// kernel Debian makes for clouds uses it, and hosts seldom have the lz4 program.
/// </summary>
internal static class Lz4LegacyDecoder
{
    /// <summary>The four bytes a frame begins with.</summary>
    public static ReadOnlySpan<byte> Magic => [0x02, 0x21, 0x4C, 0x18];

    private const int BlockBytes = 8 << 20;
    private const int MinimumMatch = 4;
    private const int LongLength = 15;

    /// <summary>Unpacks a frame, which goes to the end of the input: it has no end mark.</summary>
    /// <exception cref="InvalidDataException">Not such a frame, or a damaged one.</exception>
    public static void Decode(ReadOnlySpan<byte> frame, Stream output)
    {
        if (!frame.StartsWith(Magic))
        {
            throw new InvalidDataException("Not a legacy LZ4 frame.");
        }

        byte[] block = new byte[BlockBytes];
        ReadOnlySpan<byte> rest = frame[Magic.Length..];
        while (rest.Length >= sizeof(uint))
        {
            uint packed = BinaryPrimitives.ReadUInt32LittleEndian(rest);
            rest = rest[sizeof(uint)..];
            if (packed > rest.Length)
            {
                throw new InvalidDataException("The LZ4 frame ends inside a block.");
            }

            output.Write(block, 0, DecodeBlock(rest[..(int)packed], block));
            rest = rest[(int)packed..];
        }
    }

    private static int DecodeBlock(ReadOnlySpan<byte> input, Span<byte> output)
    {
        int read = 0;
        int written = 0;
        try
        {
            while (true)
            {
                byte token = input[read++];
                int literals = ReadLength(input, ref read, token >> 4);
                input.Slice(read, literals).CopyTo(output[written..]);
                read += literals;
                written += literals;
                // The last sequence is literals only.
                if (read == input.Length)
                {
                    return written;
                }

                int distance = BinaryPrimitives.ReadUInt16LittleEndian(input[read..]);
                read += sizeof(ushort);
                int match = ReadLength(input, ref read, token & LongLength) + MinimumMatch;
                CopyMatch(output, written, distance, match);
                written += match;
            }
        }
        catch (Exception exception) when (exception is ArgumentException or IndexOutOfRangeException)
        {
            throw new InvalidDataException("The LZ4 block is damaged.", exception);
        }
    }

    private static int ReadLength(ReadOnlySpan<byte> input, ref int read, int length)
    {
        if (length < LongLength)
        {
            return length;
        }

        byte more;
        do
        {
            more = input[read++];
            length = checked(length + more);
        }
        while (more == byte.MaxValue);
        return length;
    }

    private static void CopyMatch(Span<byte> output, int at, int distance, int length)
    {
        if (distance == 0)
        {
            throw new InvalidDataException("The LZ4 block is damaged.");
        }

        Span<byte> target = output.Slice(at, length);
        ReadOnlySpan<byte> source = output.Slice(at - distance, Math.Min(distance, length));
        // A match may reach into what it writes: then its beginning repeats.
        while (target.Length > source.Length)
        {
            source.CopyTo(target);
            target = target[source.Length..];
        }

        source[..target.Length].CopyTo(target);
    }
}
