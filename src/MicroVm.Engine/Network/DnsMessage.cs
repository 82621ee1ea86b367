using System.Buffers.Binary;
using System.Net;
using System.Net.Sockets;
using System.Text;

namespace MicroVm.Engine.Network;

/// <summary>As much of a DNS message as it takes to answer for names of VMs (RFC 1035, section 4).</summary>
internal static class DnsMessage
{
    /// <summary>A record of type A.</summary>
    public const ushort TypeA = 1;

    /// <summary>A record of type AAAA.</summary>
    public const ushort TypeAaaa = 28;

    private const int HeaderLength = 12;
    private const ushort ClassInternet = 1;
    private const int MostLabelLength = 63;
    private const byte Pointer = 0xC0;

    // Of the flags: response, opcode, recursion desired.
    private const ushort IsResponse = 0x8000;
    private const ushort Opcode = 0x7800;
    private const ushort RecursionDesired = 0x0100;
    private const ushort RecursionAvailable = 0x0080;
    private const ushort Authoritative = 0x0400;
    private const ushort ServerFailure = 2;

    // Seconds; addresses of VMs come and go.
    private const uint TimeToLive = 5;

    /// <summary>A question.</summary>
    /// <param name="Name">The name in lower case, labels separated by dots, without one at the end.</param>
    /// <param name="Type">The type of record.</param>
    /// <param name="Length">Where in the message the question ends.</param>
    internal readonly record struct Question(string Name, ushort Type, int Length);

    /// <summary>The question of a standard query that asks one.</summary>
    /// <returns>Null when it is something else.</returns>
    public static Question? ReadQuestion(ReadOnlySpan<byte> message)
    {
        if (message.Length < HeaderLength)
        {
            return null;
        }

        ushort flags = BinaryPrimitives.ReadUInt16BigEndian(message[2..]);
        if ((flags & (IsResponse | Opcode)) != 0 || BinaryPrimitives.ReadUInt16BigEndian(message[4..]) != 1)
        {
            return null;
        }

        StringBuilder name = new();
        int at = HeaderLength;
        while (at < message.Length && message[at] is > 0 and <= MostLabelLength and var length)
        {
            if (at + 1 + length >= message.Length)
            {
                return null;
            }

            if (name.Length > 0)
            {
                name.Append('.');
            }

            name.Append(Encoding.ASCII.GetString(message.Slice(at + 1, length)).ToLowerInvariant());
            at += 1 + length;
        }

        if (at + 5 > message.Length || message[at] != 0 || BinaryPrimitives.ReadUInt16BigEndian(message[(at + 3)..]) != ClassInternet)
        {
            return null;
        }

        return new Question(name.ToString(), BinaryPrimitives.ReadUInt16BigEndian(message[(at + 1)..]), at + 5);
    }

    /// <summary>The answer that gives an address, or none of that type.</summary>
    /// <param name="query">The query.</param>
    /// <param name="question">Its question.</param>
    /// <param name="address">The address; null says that the name has none of that type.</param>
    public static byte[] Answer(ReadOnlySpan<byte> query, Question question, IPAddress? address)
    {
        byte[] data = address?.GetAddressBytes() ?? [];
        byte[] answer = new byte[question.Length + (address is null ? 0 : 12 + data.Length)];
        Head(query, question, answer, Authoritative, answers: address is null ? (ushort)0 : (ushort)1);
        if (address is not null)
        {
            Span<byte> record = answer.AsSpan(question.Length);
            // The name is where the question has it.
            record[0] = Pointer;
            record[1] = HeaderLength;
            BinaryPrimitives.WriteUInt16BigEndian(record[2..], address.AddressFamily == AddressFamily.InterNetwork ? TypeA : TypeAaaa);
            BinaryPrimitives.WriteUInt16BigEndian(record[4..], ClassInternet);
            BinaryPrimitives.WriteUInt32BigEndian(record[6..], TimeToLive);
            BinaryPrimitives.WriteUInt16BigEndian(record[10..], (ushort)data.Length);
            data.CopyTo(record[12..]);
        }

        return answer;
    }

    /// <summary>The answer that nobody could be asked.</summary>
    public static byte[] Failed(ReadOnlySpan<byte> query, Question question) => Head(query, question, new byte[question.Length], ServerFailure, 0);

    private static byte[] Head(ReadOnlySpan<byte> query, Question question, byte[] answer, ushort flags, ushort answers)
    {
        query[..question.Length].CopyTo(answer);
        ushort asked = (ushort)(BinaryPrimitives.ReadUInt16BigEndian(query[2..]) & RecursionDesired);
        BinaryPrimitives.WriteUInt16BigEndian(answer.AsSpan(2), (ushort)(IsResponse | RecursionAvailable | asked | flags));
        BinaryPrimitives.WriteUInt16BigEndian(answer.AsSpan(6), answers);
        // No authorities, and no additional records: those of the query are left out.
        answer.AsSpan(8, 4).Clear();
        return answer;
    }
}
