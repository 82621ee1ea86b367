using System.Buffers.Binary;
using Microsoft.Win32.SafeHandles;
using MicroVm.Engine.Native;

namespace MicroVm.Engine.Tests.Network;

/// <summary>Stands in for a guest at its TAP: answers echo requests of ICMP and ICMPv6, and counts what asks for hardware addresses.</summary>
internal sealed class FakeGuest : IDisposable
{
    // struct virtio_net_hdr, which stands before each frame.
    private const int Prefix = 10;
    private const int EthernetBytes = 14;

    private readonly CancellationTokenSource _end = new();
    private readonly SafeFileHandle _tap;

    // Not disposed, for the TAP is the link's.
    private readonly FileStream _frames;
    private readonly Thread _thread;

    public FakeGuest(SafeFileHandle tap)
    {
        _tap = tap;
        _frames = new FileStream(tap, FileAccess.ReadWrite, bufferSize: 0);
        _thread = new Thread(Serve);
        _thread.Start();
    }

    /// <summary>How often somebody had to ask for a hardware address.</summary>
    public int Questions { get; private set; }

    public void Dispose()
    {
        _end.Cancel();
        _thread.Join();
        _end.Dispose();
    }

    private void Serve()
    {
        byte[] buffer = new byte[70_000];
        try
        {
            while (true)
            {
                Polling.WaitAny(Timeout.InfiniteTimeSpan, _end.Token, _tap);
                int read = _frames.Read(buffer);
                Span<byte> frame = buffer.AsSpan(Prefix, read - Prefix);
                ushort type = BinaryPrimitives.ReadUInt16BigEndian(frame[12..]);
                if (type == 0x0806 || (type == 0x86DD && frame[EthernetBytes + 40] == 135))
                {
                    Questions++;
                }
                else if (type == 0x0800 && frame[EthernetBytes + 9] == 1 && frame[EthernetBytes + 20] == 8)
                {
                    Answer(frame, addresses: 12, addressBytes: 4, message: 20, reply: 0);
                    _frames.Write(buffer.AsSpan(0, read));
                }
                else if (type == 0x86DD && frame[EthernetBytes + 6] == 58 && frame[EthernetBytes + 40] == 128)
                {
                    Answer(frame, addresses: 8, addressBytes: 16, message: 40, reply: 129);
                    _frames.Write(buffer.AsSpan(0, read));
                }
            }
        }
        catch (OperationCanceledException)
        {
            // The end of the test.
        }
    }

    private static void Answer(Span<byte> frame, int addresses, int addressBytes, int message, byte reply)
    {
        Swap(frame[..6], frame[6..12]);
        Span<byte> packet = frame[EthernetBytes..];
        Swap(packet.Slice(addresses, addressBytes), packet.Slice(addresses + addressBytes, addressBytes));
        // The sum of all words stays the same but for the type's, which is the upper half of one.
        byte request = packet[message];
        packet[message] = reply;
        Span<byte> checksum = packet[(message + 2)..];
        int sum = (ushort)~BinaryPrimitives.ReadUInt16BigEndian(checksum) + ((reply - request) << 8);
        sum = (sum & 0xFFFF) + (sum >> 16);
        BinaryPrimitives.WriteUInt16BigEndian(checksum, (ushort)~((sum & 0xFFFF) + (sum >> 16)));
    }

    private static void Swap(Span<byte> one, Span<byte> other)
    {
        Span<byte> kept = stackalloc byte[one.Length];
        one.CopyTo(kept);
        other.CopyTo(one);
        kept.CopyTo(other);
    }
}
