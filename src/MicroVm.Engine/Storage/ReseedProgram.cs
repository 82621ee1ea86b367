using System.Buffers.Binary;
using System.Runtime.InteropServices;
using MicroVm.Engine.Native;

namespace MicroVm.Engine.Storage;

/// <summary>
/// A program for guests: copies its standard input to /dev/urandom, then forces a reseed (<see cref="RandomDevice.ReseedCall"/>), which no tool of a shell can.
/// It ends with 0, or with the number of the error that the kernel gave. By hand, because it is a few dozen instructions, and the host that makes the image needs
/// no compiler for it; static, because under emulation most of a program's time goes into loading its libraries.
/// </summary>
/// <remarks>A write of 512 bytes to /dev/urandom is never cut short: the kernel looks for signals only between pages.</remarks>
internal static class ReseedProgram
{
    private const int HeaderBytes = 64;
    private const int SegmentBytes = 56;
    private const int CodeOffset = HeaderBytes + SegmentBytes;
    private const ulong Address = 0x400000;

    // arm64 kernels may have pages of 64 KiB.
    private const ulong Alignment = 0x10000;

    private const ushort MachineX64 = 62;
    private const ushort MachineArm64 = 183;

    // System V ABI: the number of a system call in eax, arguments in rdi, rsi, rdx; a negative result is an error.
    private static readonly byte[] s_x64 =
    [
        0xB8, 0x02, 0x00, 0x00, 0x00,             //         mov  eax, 2             open(
        0x48, 0x8D, 0x3D, 0x59, 0x00, 0x00, 0x00, //         lea  rdi, [rip + path]    "/dev/urandom",
        0xBE, 0x01, 0x00, 0x00, 0x00,             //         mov  esi, 1               O_WRONLY,
        0x31, 0xD2,                               //         xor  edx, edx             0)
        0x0F, 0x05,                               //         syscall
        0x85, 0xC0,                               //         test eax, eax
        0x78, 0x41,                               //         js   end
        0x89, 0xC3,                               //         mov  ebx, eax
        0x48, 0x81, 0xEC, 0x00, 0x02, 0x00, 0x00, //         sub  rsp, 512
        0x31, 0xC0,                               // copy:   xor  eax, eax           read(
        0x31, 0xFF,                               //         xor  edi, edi             0,
        0x48, 0x89, 0xE6,                         //         mov  rsi, rsp             buffer,
        0xBA, 0x00, 0x02, 0x00, 0x00,             //         mov  edx, 512             512)
        0x0F, 0x05,                               //         syscall
        0x85, 0xC0,                               //         test eax, eax
        0x78, 0x26,                               //         js   end
        0x74, 0x14,                               //         jz   reseed
        0x89, 0xC2,                               //         mov  edx, eax
        0xB8, 0x01, 0x00, 0x00, 0x00,             //         mov  eax, 1             write(
        0x89, 0xDF,                               //         mov  edi, ebx             urandom,
        0x48, 0x89, 0xE6,                         //         mov  rsi, rsp             buffer, what was read)
        0x0F, 0x05,                               //         syscall
        0x85, 0xC0,                               //         test eax, eax
        0x79, 0xDA,                               //         jns  copy
        0xEB, 0x10,                               //         jmp  end
        0xB8, 0x10, 0x00, 0x00, 0x00,             // reseed: mov  eax, 16            ioctl(
        0x89, 0xDF,                               //         mov  edi, ebx             urandom,
        0xBE, 0x07, 0x52, 0x00, 0x00,             //         mov  esi, 0x5207          RNDRESEEDCRNG,
        0x31, 0xD2,                               //         xor  edx, edx             0)
        0x0F, 0x05,                               //         syscall
        0xF7, 0xD8,                               // end:    neg  eax
        0x89, 0xC7,                               //         mov  edi, eax
        0xB8, 0x3C, 0x00, 0x00, 0x00,             //         mov  eax, 60            exit(the error)
        0x0F, 0x05,                               //         syscall
        .. "/dev/urandom\0"u8,                    // path:
    ];

    // The number of a system call in x8, arguments in x0 to x3; a negative result is an error.
    private static readonly uint[] s_arm64 =
    [
        0x92800C60, //         mov  x0, #-100          openat(AT_FDCWD,
        0x100003C1, //         adr  x1, path             "/dev/urandom",
        0xD2800022, //         mov  x2, #1               O_WRONLY,
        0xD2800003, //         mov  x3, #0               0)
        0xD2800708, //         mov  x8, #56
        0xD4000001, //         svc  #0
        0x37F802C0, //         tbnz w0, #31, end
        0x2A0003F3, //         mov  w19, w0
        0xD10803FF, //         sub  sp, sp, #512
        0xD2800000, // copy:   mov  x0, #0             read(0,
        0x910003E1, //         mov  x1, sp               buffer,
        0xD2804002, //         mov  x2, #512             512)
        0xD28007E8, //         mov  x8, #63
        0xD4000001, //         svc  #0
        0x37F801C0, //         tbnz w0, #31, end
        0x34000100, //         cbz  w0, reseed
        0x2A0003E2, //         mov  w2, w0
        0x2A1303E0, //         mov  w0, w19            write(urandom,
        0x910003E1, //         mov  x1, sp               buffer, what was read)
        0xD2800808, //         mov  x8, #64
        0xD4000001, //         svc  #0
        0x36FFFE80, //         tbz  w0, #31, copy
        0x14000006, //         b    end
        0x2A1303E0, // reseed: mov  w0, w19            ioctl(urandom,
        0xD28A40E1, //         mov  x1, #0x5207          RNDRESEEDCRNG,
        0xD2800002, //         mov  x2, #0               0)
        0xD28003A8, //         mov  x8, #29
        0xD4000001, //         svc  #0
        0x4B0003E0, // end:    neg  w0, w0
        0xD2800BA8, //         mov  x8, #93            exit(the error)
        0xD4000001, //         svc  #0
                    // path:   "/dev/urandom"
    ];

    /// <summary>The program as an ELF file (elf(5)): one segment, the whole file.</summary>
    /// <exception cref="InvalidDataException">There is none for this architecture.</exception>
    public static byte[] For(Architecture architecture)
    {
        (ushort machine, byte[] code) = architecture switch
        {
            Architecture.X64 => (MachineX64, s_x64),
            Architecture.Arm64 => (MachineArm64, Arm64Code()),
            _ => throw new InvalidDataException($"No guest program was written for {architecture}."),
        };
        byte[] file = new byte[CodeOffset + code.Length];
        Span<byte> header = file;
        "\u007fELF"u8.CopyTo(header);
        header[4] = 2; // 64 bits
        header[5] = 1; // little endian
        header[6] = 1; // version
        Put16(header[16..], 2); // an executable
        Put16(header[18..], machine);
        Put32(header[20..], 1); // version
        Put64(header[24..], Address + CodeOffset); // entry
        Put64(header[32..], HeaderBytes); // where the segments are described
        Put16(header[52..], HeaderBytes);
        Put16(header[54..], SegmentBytes);
        Put16(header[56..], 1); // segments
        Span<byte> segment = header[HeaderBytes..];
        Put32(segment, 1); // to be loaded
        Put32(segment[4..], 5); // readable, executable
        Put64(segment[16..], Address);
        Put64(segment[24..], Address);
        Put64(segment[32..], (ulong)file.Length);
        Put64(segment[40..], (ulong)file.Length);
        Put64(segment[48..], Alignment);
        code.CopyTo(header[CodeOffset..]);
        return file;
    }

    private static byte[] Arm64Code()
    {
        byte[] code = new byte[s_arm64.Length * sizeof(uint)];
        for (int i = 0; i < s_arm64.Length; i++)
        {
            Put32(code.AsSpan(i * sizeof(uint)), s_arm64[i]);
        }

        return [.. code, .. "/dev/urandom\0"u8];
    }

    private static void Put16(Span<byte> place, ushort value) => BinaryPrimitives.WriteUInt16LittleEndian(place, value);

    private static void Put32(Span<byte> place, uint value) => BinaryPrimitives.WriteUInt32LittleEndian(place, value);

    private static void Put64(Span<byte> place, ulong value) => BinaryPrimitives.WriteUInt64LittleEndian(place, value);
}
