using System.Buffers.Binary;

namespace MicroVm.Engine.Tests.RealQemu;

/// <summary>A program for guests that sends every datagram at port 7 back, of IPv4 and IPv6; busybox has none. Static, of x86-64, by hand.</summary>
internal static class UdpEcho
{
    private const int HeaderBytes = 64 + 56;
    private const int BufferBytes = 0x11000;
    private const ulong Address = 0x400000;

    private static readonly byte[] s_code =
    [
        0xBF, 0x0A, 0x00, 0x00, 0x00,             //       mov  edi, 10             socket(AF_INET6,
        0xBE, 0x02, 0x00, 0x00, 0x00,             //       mov  esi, 2                     SOCK_DGRAM,
        0x31, 0xD2,                               //       xor  edx, edx                   0)
        0xB8, 0x29, 0x00, 0x00, 0x00,             //       mov  eax, 41
        0x0F, 0x05,                               //       syscall
        0x89, 0xC5,                               //       mov  ebp, eax
        0x89, 0xEF,                               //       mov  edi, ebp            bind(socket,
        0x48, 0x8D, 0x35, 0x62, 0x00, 0x00, 0x00, //       lea  rsi, [rip + here]        here,
        0xBA, 0x1C, 0x00, 0x00, 0x00,             //       mov  edx, 28                  28)
        0xB8, 0x31, 0x00, 0x00, 0x00,             //       mov  eax, 49
        0x0F, 0x05,                               //       syscall
        0x89, 0xEF,                               // next: mov  edi, ebp            recvfrom(socket,
        0x48, 0x8D, 0x35, 0x89, 0x00, 0x00, 0x00, //       lea  rsi, [rip + buffer]          buffer,
        0xBA, 0xFF, 0xFF, 0x00, 0x00,             //       mov  edx, 65535                   65535,
        0x45, 0x31, 0xD2,                         //       xor  r10d, r10d                   0,
        0x4C, 0x8D, 0x05, 0x5E, 0x00, 0x00, 0x00, //       lea  r8, [rip + sender]           sender,
        0x4C, 0x8D, 0x0D, 0x53, 0x00, 0x00, 0x00, //       lea  r9, [rip + length]           length)
        0x41, 0xC7, 0x01, 0x1C, 0x00, 0x00, 0x00, //       mov  dword ptr [r9], 28
        0xB8, 0x2D, 0x00, 0x00, 0x00,             //       mov  eax, 45
        0x0F, 0x05,                               //       syscall
        0x85, 0xC0,                               //       test eax, eax
        0x78, 0xCF,                               //       js   next
        0x89, 0xC2,                               //       mov  edx, eax            sendto(socket,
        0x89, 0xEF,                               //       mov  edi, ebp
        0x48, 0x8D, 0x35, 0x56, 0x00, 0x00, 0x00, //       lea  rsi, [rip + buffer]        buffer, as much,
        0x45, 0x31, 0xD2,                         //       xor  r10d, r10d                 0,
        0x4C, 0x8D, 0x05, 0x30, 0x00, 0x00, 0x00, //       lea  r8, [rip + sender]         sender,
        0x44, 0x8B, 0x0D, 0x25, 0x00, 0x00, 0x00, //       mov  r9d, [rip + length]        length)
        0xB8, 0x2C, 0x00, 0x00, 0x00,             //       mov  eax, 44
        0x0F, 0x05,                               //       syscall
        0xEB, 0xAA,                               //       jmp  next
        // here: struct sockaddr_in6, any address; length, sender and buffer follow.
        0x0A, 0x00, 0x00, 0x07, .. new byte[24],
    ];

    /// <summary>The program as base64(1) reads it.</summary>
    public static string Base64 { get; } = Convert.ToBase64String(Make());

    private static byte[] Make()
    {
        byte[] file = new byte[HeaderBytes + s_code.Length];
        Span<byte> span = file;
        "\u007fELF\u0002\u0001\u0001"u8.CopyTo(span);
        BinaryPrimitives.WriteUInt16LittleEndian(span[16..], 2);
        BinaryPrimitives.WriteUInt16LittleEndian(span[18..], 62);
        BinaryPrimitives.WriteInt32LittleEndian(span[20..], 1);
        BinaryPrimitives.WriteUInt64LittleEndian(span[24..], Address + HeaderBytes);
        BinaryPrimitives.WriteInt64LittleEndian(span[32..], 64);
        BinaryPrimitives.WriteUInt16LittleEndian(span[52..], 64);
        BinaryPrimitives.WriteUInt16LittleEndian(span[54..], 56);
        BinaryPrimitives.WriteUInt16LittleEndian(span[56..], 1);
        // One segment that may be read, written and executed.
        Span<byte> segment = span[64..];
        BinaryPrimitives.WriteInt32LittleEndian(segment, 1);
        BinaryPrimitives.WriteInt32LittleEndian(segment[4..], 7);
        BinaryPrimitives.WriteUInt64LittleEndian(segment[16..], Address);
        BinaryPrimitives.WriteUInt64LittleEndian(segment[24..], Address);
        BinaryPrimitives.WriteInt64LittleEndian(segment[32..], file.Length);
        BinaryPrimitives.WriteInt64LittleEndian(segment[40..], file.Length + BufferBytes);
        BinaryPrimitives.WriteInt64LittleEndian(segment[48..], 0x1000);
        s_code.CopyTo(span[HeaderBytes..]);
        return file;
    }
}
