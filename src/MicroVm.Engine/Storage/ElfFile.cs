using System.Buffers.Binary;
using System.Text;

namespace MicroVm.Engine.Storage;

/// <summary>
/// What the engine needs to know of a 64-bit little-endian ELF file (elf(5)): its interpreter, the libraries it needs, its sections by name, its notes.
/// Offsets in the file are checked: whatever points outside makes an <see cref="InvalidDataException"/>.
/// </summary>
internal sealed class ElfFile
{
    private const int HeaderBytes = 64;
    private const int ProgramHeaderBytes = 56;
    private const int SectionHeaderBytes = 64;
    private const uint Load = 1;
    private const uint Dynamic = 2;
    private const uint Interpreter = 3;
    private const uint Note = 4;
    private const long NeededTag = 1;
    private const long StringTableTag = 5;

    private readonly ReadOnlyMemory<byte> _file;
    private readonly Segment[] _segments;

    /// <summary>Reads the headers.</summary>
    /// <exception cref="InvalidDataException">Not a 64-bit little-endian ELF file, or a damaged one.</exception>
    public ElfFile(ReadOnlyMemory<byte> file)
    {
        _file = file;
        if (!IsElf(file.Span) || file.Length < HeaderBytes)
        {
            throw new InvalidDataException("Not a 64-bit little-endian ELF file.");
        }

        int count = BinaryPrimitives.ReadUInt16LittleEndian(file.Span[56..]);
        ulong table = BinaryPrimitives.ReadUInt64LittleEndian(file.Span[32..]);
        _segments = new Segment[count];
        for (int i = 0; i < count; i++)
        {
            ReadOnlySpan<byte> header = Slice(table + ((ulong)i * ProgramHeaderBytes), ProgramHeaderBytes).Span;
            _segments[i] = new Segment(
                BinaryPrimitives.ReadUInt32LittleEndian(header),
                BinaryPrimitives.ReadUInt64LittleEndian(header[8..]),
                BinaryPrimitives.ReadUInt64LittleEndian(header[16..]),
                BinaryPrimitives.ReadUInt64LittleEndian(header[32..]));
        }
    }

    /// <summary>The program that loads this one (PT_INTERP), such as <c>/lib64/ld-linux-x86-64.so.2</c>; null for a static one or a library.</summary>
    public string? InterpreterPath
    {
        get
        {
            Segment? segment = Find(Interpreter);
            return segment is { } s ? ReadString(Slice(s.Offset, s.FileBytes).Span) : null;
        }
    }

    /// <summary>The libraries it is linked against (DT_NEEDED), by name.</summary>
    public IReadOnlyList<string> NeededLibraries => ReadNeeded();

    /// <summary>Whether the content begins as a 64-bit little-endian ELF file does.</summary>
    public static bool IsElf(ReadOnlySpan<byte> content) => content.StartsWith("\u007fELF\u0002\u0001"u8);

    /// <summary>The content of the first section of that name; empty when there is none.</summary>
    public ReadOnlyMemory<byte> Section(string name)
    {
        ReadOnlySpan<byte> header = _file.Span;
        ulong table = BinaryPrimitives.ReadUInt64LittleEndian(header[40..]);
        int count = BinaryPrimitives.ReadUInt16LittleEndian(header[60..]);
        int namesIndex = BinaryPrimitives.ReadUInt16LittleEndian(header[62..]);
        if (count == 0 || namesIndex >= count)
        {
            return default;
        }

        ReadOnlyMemory<byte> names = SectionContent(table, namesIndex);
        for (int i = 0; i < count; i++)
        {
            int nameOffset = BinaryPrimitives.ReadInt32LittleEndian(SectionHeader(table, i));
            if (nameOffset >= 0 && nameOffset < names.Length && ReadString(names.Span[nameOffset..]) == name)
            {
                return SectionContent(table, i);
            }
        }

        return default;
    }

    /// <summary>Whether a PT_NOTE segment holds a note of that owner and type.</summary>
    public bool HasNote(string owner, uint type)
    {
        foreach (Segment segment in _segments.Where(s => s.Type == Note))
        {
            ReadOnlySpan<byte> notes = Slice(segment.Offset, segment.FileBytes).Span;
            while (notes.Length >= 12)
            {
                uint ownerBytes = BinaryPrimitives.ReadUInt32LittleEndian(notes);
                uint valueBytes = BinaryPrimitives.ReadUInt32LittleEndian(notes[4..]);
                uint noteType = BinaryPrimitives.ReadUInt32LittleEndian(notes[8..]);
                long total = 12 + Align4(ownerBytes) + Align4(valueBytes);
                if (total > notes.Length)
                {
                    break;
                }

                if (noteType == type && ReadString(notes.Slice(12, (int)ownerBytes)) == owner)
                {
                    return true;
                }

                notes = notes[(int)total..];
            }
        }

        return false;
    }

    private static long Align4(uint value) => (value + 3L) & ~3L;

    private static string ReadString(ReadOnlySpan<byte> bytes)
    {
        int end = bytes.IndexOf((byte)0);
        return Encoding.UTF8.GetString(end < 0 ? bytes : bytes[..end]);
    }

    private List<string> ReadNeeded()
    {
        List<string> needed = [];
        if (Find(Dynamic) is not { } dynamic)
        {
            return needed;
        }

        List<ulong> offsets = [];
        ulong strings = 0;
        for (ReadOnlySpan<byte> table = Slice(dynamic.Offset, dynamic.FileBytes).Span; table.Length >= 16; table = table[16..])
        {
            long tag = BinaryPrimitives.ReadInt64LittleEndian(table);
            ulong value = BinaryPrimitives.ReadUInt64LittleEndian(table[8..]);
            if (tag == NeededTag)
            {
                offsets.Add(value);
            }
            else if (tag == StringTableTag)
            {
                strings = FileOffset(value);
            }
        }

        foreach (ulong offset in offsets)
        {
            ulong start = strings + offset;
            needed.Add(ReadString(Slice(start, (ulong)_file.Length - Math.Min(start, (ulong)_file.Length)).Span));
        }

        return needed;
    }

    // The dynamic table speaks of addresses in memory.
    private ulong FileOffset(ulong address)
    {
        foreach (Segment segment in _segments)
        {
            if (segment.Type == Load && address >= segment.Address && address - segment.Address < segment.FileBytes)
            {
                return segment.Offset + (address - segment.Address);
            }
        }

        throw new InvalidDataException("The ELF file's dynamic table points outside its segments.");
    }

    private Segment? Find(uint type) => _segments.Where(s => s.Type == type).Select(s => (Segment?)s).FirstOrDefault();

    private ReadOnlySpan<byte> SectionHeader(ulong table, int index) => Slice(table + ((ulong)index * SectionHeaderBytes), SectionHeaderBytes).Span;

    private ReadOnlyMemory<byte> SectionContent(ulong table, int index)
    {
        ReadOnlySpan<byte> header = SectionHeader(table, index);
        return Slice(BinaryPrimitives.ReadUInt64LittleEndian(header[24..]), BinaryPrimitives.ReadUInt64LittleEndian(header[32..]));
    }

    private ReadOnlyMemory<byte> Slice(ulong offset, ulong length)
    {
        if (offset > (ulong)_file.Length || length > (ulong)_file.Length - offset)
        {
            throw new InvalidDataException("The ELF file is shorter than its headers say.");
        }

        return _file.Slice((int)offset, (int)length);
    }

    private readonly record struct Segment(uint Type, ulong Offset, ulong Address, ulong FileBytes);
}
