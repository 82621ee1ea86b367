using System.Buffers.Binary;
using System.Net;
using System.Net.NetworkInformation;
using Microsoft.Win32.SafeHandles;
using MicroVm.Engine.Native;

namespace MicroVm.Engine.Network;

/// <summary>The frames that the engine itself exchanges with passt before a VMM does, each behind its length (32 bits, network order).</summary>
internal static class PasstFrames
{
    private const int LengthBytes = 4;
    private const int FrameBytes = 42;
    private const int LongestFrame = 65536 + 64;
    private const ushort ArpType = 0x0806;
    private const ushort ArpReply = 2;

    /// <summary>
    /// Asks who has the gateway's address, in the name of the guest (ARP, RFC 826): passt answers when it is ready, with all its ports taken, and has learnt the
    /// guest's hardware address.
    /// </summary>
    public static void Ask(SafeFileHandle socket, PhysicalAddress guestMac, IPAddress guest, IPAddress gateway)
    {
        byte[] bytes = new byte[LengthBytes + FrameBytes];
        BinaryPrimitives.WriteInt32BigEndian(bytes, FrameBytes);
        Span<byte> frame = bytes.AsSpan(LengthBytes);
        frame[..6].Fill(0xff);
        guestMac.GetAddressBytes().CopyTo(frame[6..]);
        BinaryPrimitives.WriteUInt16BigEndian(frame[12..], ArpType);
        // Ethernet, IPv4, six and four bytes of address, request.
        ((ReadOnlySpan<byte>)[0, 1, 8, 0, 6, 4, 0, 1]).CopyTo(frame[14..]);
        guestMac.GetAddressBytes().CopyTo(frame[22..]);
        guest.GetAddressBytes().CopyTo(frame[28..]);
        gateway.GetAddressBytes().CopyTo(frame[38..]);
        Descriptors.Write(socket, bytes);
    }

    /// <summary>Takes one whole frame off the socket, which has something to read.</summary>
    /// <param name="socket">The socket.</param>
    /// <param name="gateway">The address that was asked for.</param>
    /// <returns>Whether it was the answer; null at the end of the stream.</returns>
    public static bool? TakeIsAnswer(SafeFileHandle socket, IPAddress gateway)
    {
        byte[] length = new byte[LengthBytes];
        uint bytes = TryFill(socket, length) ? BinaryPrimitives.ReadUInt32BigEndian(length) : 0;
        byte[] frame = new byte[bytes > LongestFrame ? 0 : bytes];
        return frame.Length == 0 || !TryFill(socket, frame)
            ? null
            : frame.Length >= FrameBytes
                && BinaryPrimitives.ReadUInt16BigEndian(frame.AsSpan(12)) == ArpType
                && BinaryPrimitives.ReadUInt16BigEndian(frame.AsSpan(20)) == ArpReply
                && frame.AsSpan(28, 4).SequenceEqual(gateway.GetAddressBytes());
    }

    private static bool TryFill(SafeFileHandle socket, Span<byte> bytes)
    {
        while (bytes.Length > 0)
        {
            int read = Descriptors.Read(socket, bytes);
            if (read == 0)
            {
                return false;
            }

            bytes = bytes[read..];
        }

        return true;
    }
}
