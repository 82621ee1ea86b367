using System.Buffers.Binary;
using System.Text;

namespace MicroVm.Engine.Storage;

/// <summary>
/// Makes file systems of ISO 9660 (ECMA-119) with the Rock Ridge extensions, which keep names and permissions as they are: one directory with a few files, owned
/// by root, all times the same, so that equal input makes equal file systems.
/// </summary>
internal static class Iso9660
{
    private const int SectorBytes = 2048;
    private const int DescriptorSector = 16;
    private const int LittlePathTableSector = 18;
    private const int BigPathTableSector = 19;
    private const int RootSector = 20;
    private const int PathTableBytes = 10;
    private const int RootEntryOffset = 156;

    private const byte IsDirectory = 2;
    private const uint DirectoryMode = 0x4000 | 0b101_101_101;
    private const uint FileMode = 0x8000 | 0b100_000_000;

    // The names of a directory itself and of its parent, which here is the same.
    private static readonly byte[] s_self = [0];
    private static readonly byte[] s_parent = [1];

    // "SP" says that there are extensions, "ER" that they are Rock Ridge's.
    private static readonly byte[] s_rockRidge = [(byte)'S', (byte)'P', 7, 1, 0xBE, 0xEF, 0, (byte)'E', (byte)'R', 18, 1, 10, 0, 0, 1, .. "RRIP_1991A"u8];

    /// <summary>Makes a file system.</summary>
    /// <param name="volume">Its volume id, at most 32 ASCII characters.</param>
    /// <param name="files">The files in the order of their names, which are short and ASCII; root alone may read their contents.</param>
    public static byte[] Make(string volume, params ReadOnlySpan<(string Name, byte[] Content)> files)
    {
        int sectors = RootSector + 1;
        foreach ((_, byte[] content) in files)
        {
            sectors += SectorsOf(content);
        }

        byte[] image = new byte[sectors * SectorBytes];
        WriteDescriptors(image.AsSpan(DescriptorSector * SectorBytes), volume, sectors);
        WritePathTables(image);
        Span<byte> root = image.AsSpan(RootSector * SectorBytes, SectorBytes);
        root = root[WriteEntry(root, s_self, RootSector, SectorBytes, IsDirectory, [.. s_rockRidge, .. Posix(DirectoryMode, links: 2)])..];
        root = root[WriteEntry(root, s_parent, RootSector, SectorBytes, IsDirectory, Posix(DirectoryMode, links: 2))..];
        int sector = RootSector + 1;
        foreach ((string name, byte[] content) in files)
        {
            content.CopyTo(image, sector * SectorBytes);
            byte[] plain = Encoding.ASCII.GetBytes(name.ToUpperInvariant() + ".;1");
            root = root[WriteEntry(root, plain, sector, content.Length, 0, [.. Posix(FileMode, links: 1), .. TrueName(name)])..];
            sector += SectorsOf(content);
        }

        return image;
    }

    private static int SectorsOf(byte[] content) => (content.Length + SectorBytes - 1) / SectorBytes;

    private static void WriteDescriptors(Span<byte> target, string volume, int sectors)
    {
        "\u0001CD001\u0001"u8.CopyTo(target);
        // The system's id, the volume's, and at the end those of the publisher and others: text, filled up with blanks.
        target[8..72].Fill((byte)' ');
        Encoding.ASCII.GetBytes(volume, target[40..72]);
        WriteBoth(target[80..], sectors);
        WriteBothShort(target[120..], 1);
        WriteBothShort(target[124..], 1);
        WriteBothShort(target[128..], SectorBytes);
        WriteBoth(target[132..], PathTableBytes);
        BinaryPrimitives.WriteInt32LittleEndian(target[140..], LittlePathTableSector);
        BinaryPrimitives.WriteInt32BigEndian(target[148..], BigPathTableSector);
        WriteEntry(target[RootEntryOffset..], s_self, RootSector, SectorBytes, IsDirectory, []);
        target[190..813].Fill((byte)' ');
        for (int time = 813; time < 881; time += 17)
        {
            // Sixteen digits and a zone: not given.
            target.Slice(time, 16).Fill((byte)'0');
        }

        target[881] = 1;
        // The end of the descriptors.
        target[SectorBytes] = 0xFF;
        "CD001\u0001"u8.CopyTo(target[(SectorBytes + 1)..]);
    }

    private static void WritePathTables(Span<byte> image)
    {
        Span<byte> little = image[(LittlePathTableSector * SectorBytes)..];
        little[0] = 1;
        BinaryPrimitives.WriteInt32LittleEndian(little[2..], RootSector);
        BinaryPrimitives.WriteInt16LittleEndian(little[6..], 1);
        Span<byte> big = image[(BigPathTableSector * SectorBytes)..];
        big[0] = 1;
        BinaryPrimitives.WriteInt32BigEndian(big[2..], RootSector);
        BinaryPrimitives.WriteInt16BigEndian(big[6..], 1);
    }

    // Returns its length, which is even, as that of each of its parts.
    private static int WriteEntry(Span<byte> target, ReadOnlySpan<byte> name, int sector, int bytes, byte flags, ReadOnlySpan<byte> extensions)
    {
        int extensionsAt = (33 + name.Length + 1) & ~1;
        int length = (extensionsAt + extensions.Length + 1) & ~1;
        target[0] = checked((byte)length);
        WriteBoth(target[2..], sector);
        WriteBoth(target[10..], bytes);
        // 1 January 1970, midnight.
        ((ReadOnlySpan<byte>)[70, 1, 1, 0, 0, 0, 0]).CopyTo(target[18..]);
        target[25] = flags;
        WriteBothShort(target[28..], 1);
        target[32] = (byte)name.Length;
        name.CopyTo(target[33..]);
        extensions.CopyTo(target[extensionsAt..]);
        return length;
    }

    private static byte[] Posix(uint mode, int links)
    {
        byte[] entry = new byte[36];
        "PX$\u0001"u8.CopyTo(entry);
        WriteBoth(entry.AsSpan(4), (int)mode);
        WriteBoth(entry.AsSpan(12), links);
        return entry;
    }

    private static byte[] TrueName(string name) => [(byte)'N', (byte)'M', checked((byte)(5 + name.Length)), 1, 0, .. Encoding.ASCII.GetBytes(name)];

    // The standard wants numbers in both orders of bytes.
    private static void WriteBoth(Span<byte> target, int value)
    {
        BinaryPrimitives.WriteInt32LittleEndian(target, value);
        BinaryPrimitives.WriteInt32BigEndian(target[4..], value);
    }

    private static void WriteBothShort(Span<byte> target, short value)
    {
        BinaryPrimitives.WriteInt16LittleEndian(target, value);
        BinaryPrimitives.WriteInt16BigEndian(target[2..], value);
    }
}
