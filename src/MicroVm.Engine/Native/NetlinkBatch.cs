using System.Buffers.Binary;
using System.Runtime.InteropServices;
using System.Text;

namespace MicroVm.Engine.Native;

/// <summary>Requests to the kernel in one buffer, for one system call (netlink(7), rtnetlink(7)). The kernel takes them in order, each for itself: a batch is no transaction.</summary>
/// <remarks>The exception is what stands between <see cref="BeginTransaction"/> and <see cref="EndTransaction"/> on a socket of nfnetlink.</remarks>
internal sealed class NetlinkBatch
{
    /// <summary>Bytes of struct nlmsghdr.</summary>
    public const int HeaderBytes = 16;

    /// <summary>NLM_F_DUMP: everything there is.</summary>
    public const ushort Dump = 0x300;

    /// <summary>NLM_F_CREATE: make it if it is not there.</summary>
    public const ushort Create = 0x400;

    /// <summary>NLM_F_EXCL: with <see cref="Create"/>, fail with EEXIST if it is there.</summary>
    public const ushort Exclusive = 0x200;

    /// <summary>NLM_F_REPLACE: take the place of what is there.</summary>
    public const ushort Replace = 0x100;

    /// <summary>NLA_F_NESTED: the attribute holds attributes.</summary>
    public const ushort Nested = 0x8000;

    private const ushort Request = 1;
    private const ushort Acknowledge = 4;
    private const ushort TransactionBegin = 0x10;
    private const ushort TransactionEnd = 0x11;

    private readonly List<(int Offset, string Step)> _messages = [];
    private readonly Stack<int> _nests = new();
    private byte[] _bytes;
    private int _message = -1;
    private int _acknowledged = -1;

    /// <summary>Makes an empty batch.</summary>
    /// <param name="bytes">Room to begin with; it grows.</param>
    public NetlinkBatch(int bytes = 1024) => _bytes = new byte[bytes];

    /// <summary>How many messages it holds, those of a transaction's ends included.</summary>
    public int Count => _messages.Count;

    /// <summary>Its size. A socket takes about 200,000 bytes at once (net.core.wmem_default).</summary>
    public int Length { get; private set; }

    /// <summary>Begins a message, NLM_F_REQUEST included. The last one of a batch is acknowledged, the others only when they fail.</summary>
    /// <param name="type">nlmsg_type: such as RTM_NEWLINK, or for nfnetlink the subsystem shifted by eight and the message.</param>
    /// <param name="flags">More of nlmsg_flags.</param>
    /// <param name="step">What it does, for the error: "add the route".</param>
    public NetlinkBatch Begin(ushort type, ushort flags, string step)
    {
        Start(type, flags, step);
        _acknowledged = _message;
        return this;
    }

    /// <summary>Begins what nfnetlink does as a whole or not at all (NFNL_MSG_BATCH_BEGIN).</summary>
    /// <param name="subsystem">Such as NFNL_SUBSYS_NFTABLES.</param>
    public NetlinkBatch BeginTransaction(ushort subsystem) => Bound(TransactionBegin, "begin", subsystem);

    /// <summary>Ends what <see cref="BeginTransaction"/> began (NFNL_MSG_BATCH_END).</summary>
    /// <param name="subsystem">The same as there.</param>
    public NetlinkBatch EndTransaction(ushort subsystem) => Bound(TransactionEnd, "end", subsystem);

    /// <summary>Appends the structure that follows the message's header, such as struct ifinfomsg or struct nfgenmsg.</summary>
    public NetlinkBatch Add<T>(in T structure)
        where T : unmanaged
    {
        Append(MemoryMarshal.AsBytes(new ReadOnlySpan<T>(in structure)));
        return this;
    }

    /// <summary>Adds an attribute of any bytes.</summary>
    public NetlinkBatch AddBytes(ushort attribute, ReadOnlySpan<byte> value)
    {
        AttributeHeader(attribute, value.Length);
        Append(value);
        return this;
    }

    /// <summary>Adds an attribute of one byte.</summary>
    public NetlinkBatch AddByte(ushort attribute, byte value) => AddBytes(attribute, [value]);

    /// <summary>Adds a 16-bit attribute in the order of this machine.</summary>
    public NetlinkBatch AddUInt16(ushort attribute, ushort value) => AddBytes(attribute, MemoryMarshal.AsBytes(new ReadOnlySpan<ushort>(in value)));

    /// <summary>Adds a 32-bit attribute in the order of this machine.</summary>
    public NetlinkBatch AddUInt32(ushort attribute, uint value) => AddBytes(attribute, MemoryMarshal.AsBytes(new ReadOnlySpan<uint>(in value)));

    /// <summary>Adds a 16-bit attribute in network order.</summary>
    public NetlinkBatch AddNetworkUInt16(ushort attribute, ushort value) =>
        AddUInt16(attribute, BitConverter.IsLittleEndian ? BinaryPrimitives.ReverseEndianness(value) : value);

    /// <summary>Adds a 32-bit attribute in network order, as nfnetlink has all of them.</summary>
    public NetlinkBatch AddNetworkUInt32(ushort attribute, uint value) =>
        AddUInt32(attribute, BitConverter.IsLittleEndian ? BinaryPrimitives.ReverseEndianness(value) : value);

    /// <summary>Adds a text that ends with a zero byte.</summary>
    public NetlinkBatch AddText(ushort attribute, string value)
    {
        int bytes = Encoding.UTF8.GetByteCount(value) + 1;
        AttributeHeader(attribute, bytes);
        Span<byte> room = Grow(bytes);
        room[Encoding.UTF8.GetBytes(value, room)] = 0;
        return this;
    }

    /// <summary>Opens an attribute that holds attributes, until <see cref="Close"/>.</summary>
    public NetlinkBatch Open(ushort attribute)
    {
        _nests.Push(Length);
        AttributeHeader((ushort)(attribute | Nested), 0);
        return this;
    }

    /// <summary>Closes the attribute that was opened last.</summary>
    public NetlinkBatch Close()
    {
        int start = _nests.Pop();
        MemoryMarshal.Write(_bytes.AsSpan(start), (ushort)(Length - start));
        return this;
    }

    /// <summary>Empties it for reuse.</summary>
    public void Clear()
    {
        _messages.Clear();
        _nests.Clear();
        Length = 0;
        _message = _acknowledged = -1;
    }

    /// <summary>Numbers the messages from <paramref name="first"/> on and gives the bytes to send.</summary>
    /// <param name="first">The sequence number of the first message.</param>
    /// <param name="acknowledge">Whether the last message is to be acknowledged.</param>
    /// <param name="last">The sequence number of the message that is.</param>
    public ReadOnlySpan<byte> Complete(uint first, bool acknowledge, out uint last)
    {
        Finish();
        last = first;
        for (int i = 0; i < _messages.Count; i++)
        {
            int offset = _messages[i].Offset;
            MemoryMarshal.Write(_bytes.AsSpan(offset + 8), first + (uint)i);
            if (offset == _acknowledged)
            {
                last = first + (uint)i;
                Span<byte> flags = _bytes.AsSpan(offset + 6, 2);
                ushort before = MemoryMarshal.Read<ushort>(flags);
                MemoryMarshal.Write(flags, (ushort)(acknowledge ? before | Acknowledge : before & ~Acknowledge));
            }
        }

        return _bytes.AsSpan(0, Length);
    }

    /// <summary>What the message of that index does.</summary>
    public string StepOf(int index) => _messages[index].Step;

    private NetlinkBatch Bound(ushort type, string step, ushort subsystem)
    {
        Start(type, 0, step);
        // struct nfgenmsg: family and version are 0, res_id in network order.
        Append([0, 0, (byte)(subsystem >> 8), (byte)subsystem]);
        return this;
    }

    private void Start(ushort type, ushort flags, string step)
    {
        Finish();
        _message = Length;
        _messages.Add((_message, step));
        Span<byte> header = Grow(HeaderBytes);
        header.Clear();
        MemoryMarshal.Write(header[4..], type);
        MemoryMarshal.Write(header[6..], (ushort)(flags | Request));
    }

    private void Finish()
    {
        if (_message >= 0)
        {
            MemoryMarshal.Write(_bytes.AsSpan(_message), (uint)(Length - _message));
        }
    }

    private void AttributeHeader(ushort attribute, int bytes)
    {
        Span<byte> header = Grow(4);
        MemoryMarshal.Write(header, (ushort)(4 + bytes));
        MemoryMarshal.Write(header[2..], attribute);
    }

    private void Append(ReadOnlySpan<byte> bytes) => bytes.CopyTo(Grow(bytes.Length));

    // Everything in netlink is padded to four bytes; lengths say the unpadded size, except those of what is around.
    private Span<byte> Grow(int bytes)
    {
        int padded = (bytes + 3) & ~3;
        if (Length + padded > _bytes.Length)
        {
            Array.Resize(ref _bytes, Math.Max(_bytes.Length * 2, Length + padded));
        }

        Span<byte> room = _bytes.AsSpan(Length, padded);
        room[bytes..].Clear();
        Length += padded;
        return room[..bytes];
    }
}
