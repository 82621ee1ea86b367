using System.Buffers.Binary;
using System.Text;

namespace MicroVm.Engine.Tests.Storage;

/// <summary>Makes small ELF files: one section of a given name, and one PT_NOTE segment.</summary>
internal static class ElfBuilder
{
    public static byte[] WithSection(string name, byte[] content)
    {
        byte[] names = Encoding.ASCII.GetBytes("\0" + name + "\0.shstrtab\0");
        int contentAt = 64;
        int namesAt = contentAt + content.Length;
        int table = namesAt + names.Length;
        byte[] file = new byte[table + (3 * 64)];
        Header(file);
        content.CopyTo(file, contentAt);
        names.CopyTo(file, namesAt);
        BinaryPrimitives.WriteUInt64LittleEndian(file.AsSpan(40), (ulong)table);
        BinaryPrimitives.WriteUInt16LittleEndian(file.AsSpan(60), 3);
        BinaryPrimitives.WriteUInt16LittleEndian(file.AsSpan(62), 2);
        Section(file.AsSpan(table + 64), 1, contentAt, content.Length);
        Section(file.AsSpan(table + 128), 2 + name.Length, namesAt, names.Length);
        return file;
    }

    public static byte[] WithNote(string owner, uint type)
    {
        byte[] note = new byte[12 + ((owner.Length + 4) & ~3) + 4];
        BinaryPrimitives.WriteInt32LittleEndian(note, owner.Length + 1);
        BinaryPrimitives.WriteInt32LittleEndian(note.AsSpan(4), 4);
        BinaryPrimitives.WriteUInt32LittleEndian(note.AsSpan(8), type);
        Encoding.ASCII.GetBytes(owner).CopyTo(note, 12);
        byte[] file = new byte[64 + 56 + note.Length];
        Header(file);
        BinaryPrimitives.WriteUInt64LittleEndian(file.AsSpan(32), 64);
        BinaryPrimitives.WriteUInt16LittleEndian(file.AsSpan(56), 1);
        BinaryPrimitives.WriteUInt32LittleEndian(file.AsSpan(64), 4);
        BinaryPrimitives.WriteUInt64LittleEndian(file.AsSpan(64 + 8), 64 + 56);
        BinaryPrimitives.WriteUInt64LittleEndian(file.AsSpan(64 + 32), (ulong)note.Length);
        note.CopyTo(file, 64 + 56);
        return file;
    }

    private static void Header(byte[] file) => "\u007fELF\u0002\u0001\u0001"u8.CopyTo(file);

    private static void Section(Span<byte> header, int name, int offset, int length)
    {
        BinaryPrimitives.WriteInt32LittleEndian(header, name);
        BinaryPrimitives.WriteUInt64LittleEndian(header[24..], (ulong)offset);
        BinaryPrimitives.WriteUInt64LittleEndian(header[32..], (ulong)length);
    }
}
