using System.Buffers.Binary;

namespace MicroVm.Engine.Tests.Faults;

/// <summary>A kernel that does nothing and takes no time: an ELF file with a PVH note (Xen's x86/HVM direct boot ABI), whose code halts.</summary>
internal static class HaltingKernel
{
    private const int Address = 1 << 20;
    private const int CodeAt = 0x1000;
    private const int NoteAt = 64 + (2 * 56);

    public static void Write(string path)
    {
        byte[] file = new byte[CodeAt + 16];
        Span<byte> span = file;
        "\u007fELF\u0002\u0001\u0001"u8.CopyTo(span);
        BinaryPrimitives.WriteUInt16LittleEndian(span[16..], 2);
        BinaryPrimitives.WriteUInt16LittleEndian(span[18..], 62);
        BinaryPrimitives.WriteInt32LittleEndian(span[20..], 1);
        BinaryPrimitives.WriteInt64LittleEndian(span[24..], Address);
        BinaryPrimitives.WriteInt64LittleEndian(span[32..], 64);
        BinaryPrimitives.WriteUInt16LittleEndian(span[52..], 64);
        BinaryPrimitives.WriteUInt16LittleEndian(span[54..], 56);
        BinaryPrimitives.WriteUInt16LittleEndian(span[56..], 2);
        Segment(span[64..], type: 1, flags: 5, CodeAt, Address, 16, 0x1000);
        Segment(span[(64 + 56)..], type: 4, flags: 4, NoteAt, 0, 24, 4);
        BinaryPrimitives.WriteInt32LittleEndian(span[NoteAt..], 4);
        BinaryPrimitives.WriteInt32LittleEndian(span[(NoteAt + 4)..], 8);
        BinaryPrimitives.WriteInt32LittleEndian(span[(NoteAt + 8)..], 18);
        "Xen\0"u8.CopyTo(span[(NoteAt + 12)..]);
        BinaryPrimitives.WriteInt64LittleEndian(span[(NoteAt + 16)..], Address);
        // cli; hlt; and again, should anything wake it.
        ((byte[])[0xfa, 0xf4, 0xeb, 0xfc]).CopyTo(span[CodeAt..]);
        File.WriteAllBytes(path, file);
    }

    private static void Segment(Span<byte> header, int type, int flags, int offset, int address, int bytes, int align)
    {
        BinaryPrimitives.WriteInt32LittleEndian(header, type);
        BinaryPrimitives.WriteInt32LittleEndian(header[4..], flags);
        BinaryPrimitives.WriteInt64LittleEndian(header[8..], offset);
        BinaryPrimitives.WriteInt64LittleEndian(header[16..], address);
        BinaryPrimitives.WriteInt64LittleEndian(header[24..], address);
        BinaryPrimitives.WriteInt64LittleEndian(header[32..], bytes);
        BinaryPrimitives.WriteInt64LittleEndian(header[40..], bytes);
        BinaryPrimitives.WriteInt64LittleEndian(header[48..], align);
    }
}
