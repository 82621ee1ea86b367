using System.Buffers;
using System.Runtime.InteropServices;
using System.Text;
using Microsoft.Win32.SafeHandles;

namespace MicroVm.Engine.Native;

/// <summary>
/// A socket to the kernel's network configuration (netlink(7)), bound for its life to the network namespace of the thread that opened it. For one thread at a time.
/// </summary>
internal sealed unsafe partial class NetlinkSocket : IDisposable
{
    /// <summary>NETLINK_ROUTE: devices, addresses, routes, neighbours (rtnetlink(7)).</summary>
    public const int Route = 0;

    /// <summary>NETLINK_NETFILTER: the packet filter (nfnetlink).</summary>
    public const int Netfilter = 12;

    private const int NetlinkFamily = 16;
    private const int RawCloseOnExec = 3 | 0x80000;
    private const int NetlinkLevel = 270;
    private const int CappedAcknowledgement = 10;
    private const int ExtendedAcknowledgement = 11;
    private const int StrictCheck = 12;
    private const int DoNotWaitTellLength = 0x40 | 0x20;
    private const ushort ErrorMessage = 2;
    private const ushort DoneMessage = 3;
    private const ushort DumpInterrupted = 0x10;
    private const ushort HasAttributes = 0x200;
    private const ushort ErrorText = 1;
    private const nuint GetIndex = 0x8933;

    // The kernel fills 32 KiB at most for one receive of a dump.
    private const int BufferBytes = 64 << 10;
    private const int DumpAttempts = 10;

    private readonly SafeFileHandle _socket;
    private uint _next = 1;

    private NetlinkSocket(SafeFileHandle socket) => _socket = socket;

    /// <summary>Opens one in the network namespace of the calling thread.</summary>
    /// <param name="protocol"><see cref="Route"/> or <see cref="Netfilter"/>.</param>
    public static NetlinkSocket Open(int protocol)
    {
        SafeFileHandle socket = SocketNative(NetlinkFamily, RawCloseOnExec, protocol);
        return socket.IsInvalid ? throw LinuxException.Last("socket (netlink)") : Of(socket);
    }

    /// <summary>Takes over a socket that is open.</summary>
    public static NetlinkSocket Of(SafeFileHandle socket)
    {
        foreach (int option in (ReadOnlySpan<int>)[CappedAcknowledgement, ExtendedAcknowledgement, StrictCheck])
        {
            int on = 1;
            if (SetOption(socket, NetlinkLevel, option, &on, sizeof(int)) != 0)
            {
                LinuxException failure = LinuxException.Last("setsockopt (netlink)");
                socket.Dispose();
                throw failure;
            }
        }

        return new NetlinkSocket(socket);
    }

    /// <summary>Sends a batch in one system call and reads what the kernel says to it.</summary>
    /// <param name="batch">At least one message.</param>
    /// <param name="what">What it is for; the error begins with it.</param>
    /// <returns>What was answered besides acknowledgements: to a request for one thing, that thing.</returns>
    /// <exception cref="LinuxException">The first message that failed: its step, its error number, and the kernel's words if it had any. Messages after it were done, unless it is a transaction.</exception>
    public IReadOnlyList<NetlinkMessage> Send(NetlinkBatch batch, string what)
    {
        uint first = Transmit(batch, acknowledge: true, what, out uint last);
        List<NetlinkMessage>? answers = null;
        LinuxException? failure = null;
        byte[] buffer = ArrayPool<byte>.Shared.Rent(BufferBytes);
        try
        {
            // The kernel has done everything when send(2) comes back, so what it had to say is there.
            bool ended = false;
            while (!ended && Receive(buffer, what) is >= 0 and int received)
            {
                for (int at = 0; TryRead(buffer.AsSpan(0, received), ref at, out Reply reply);)
                {
                    uint index = reply.Sequence - first;
                    if (index >= batch.Count)
                    {
                        // Left over from a request whose answer was not read to its end.
                        continue;
                    }

                    if (reply.Type != ErrorMessage)
                    {
                        (answers ??= []).Add(new NetlinkMessage(reply.Type, reply.Payload.ToArray()));
                        continue;
                    }

                    failure ??= FailureOf(reply, $"{what}: {batch.StepOf((int)index)}");
                    ended |= reply.Sequence == last;
                }
            }

            return failure is not null ? throw failure
                : ended ? (IReadOnlyList<NetlinkMessage>?)answers ?? []
                : throw LinuxException.From(what, Errno.NoMessage);
        }
        finally
        {
            ArrayPool<byte>.Shared.Return(buffer);
        }
    }

    /// <summary>Asks for everything of a kind, and again when it changed meanwhile.</summary>
    /// <param name="batch">One message with <see cref="NetlinkBatch.Dump"/>.</param>
    /// <param name="what">What it is for; the error begins with it.</param>
    public IReadOnlyList<NetlinkMessage> Dump(NetlinkBatch batch, string what)
    {
        for (int attempt = 1; ; attempt++)
        {
            List<NetlinkMessage> messages = [];
            bool whole = DumpOnce(batch, what, messages);
            if (whole || attempt == DumpAttempts)
            {
                return messages;
            }
        }
    }

    /// <summary>The interface index of a device, or null when there is none of that name: netdevice(7)'s SIOCGIFINDEX, for which nobody has to wait.</summary>
    /// <param name="name">The name, at most 15 bytes.</param>
    public int? IndexOf(string name)
    {
        InterfaceRequest request = default;
        Encoding.UTF8.GetBytes(name, new Span<byte>(request.Name, 15));
        return Control(_socket, GetIndex, &request) == 0 ? request.Index
            : Marshal.GetLastPInvokeError() == Errno.NoDevice ? null
            : throw LinuxException.Last("SIOCGIFINDEX", name);
    }

    /// <inheritdoc/>
    public void Dispose() => _socket.Dispose();

    private bool DumpOnce(NetlinkBatch batch, string what, List<NetlinkMessage> messages)
    {
        uint sequence = Transmit(batch, acknowledge: false, what, out _);
        bool interrupted = false;
        byte[] buffer = ArrayPool<byte>.Shared.Rent(BufferBytes);
        try
        {
            // Each receive makes the kernel prepare the next part.
            while (Receive(buffer, what) is >= 0 and int received)
            {
                for (int at = 0; TryRead(buffer.AsSpan(0, received), ref at, out Reply reply);)
                {
                    if (reply.Sequence != sequence)
                    {
                        continue;
                    }

                    interrupted |= (reply.Flags & DumpInterrupted) != 0;
                    if (reply.Type is ErrorMessage or DoneMessage)
                    {
                        return FailureOf(reply, what) is { } failure ? throw failure : !interrupted;
                    }

                    messages.Add(new NetlinkMessage(reply.Type, reply.Payload.ToArray()));
                }
            }

            throw LinuxException.From(what, Errno.NoMessage);
        }
        finally
        {
            ArrayPool<byte>.Shared.Return(buffer);
        }
    }

    private uint Transmit(NetlinkBatch batch, bool acknowledge, string what, out uint last)
    {
        uint first = _next;
        ReadOnlySpan<byte> bytes = batch.Complete(first, acknowledge, out last);
        _next += (uint)batch.Count;
        fixed (byte* data = bytes)
        {
            // To the kernel a message goes whole or not at all.
            return SendNative(_socket, data, (nuint)bytes.Length, 0) >= 0 ? first : throw LinuxException.Last(what);
        }
    }

    // The bytes received, or -1 when there is nothing more.
    private int Receive(byte[] buffer, string what)
    {
        fixed (byte* data = buffer)
        {
            nint received = ReceiveNative(_socket, data, (nuint)buffer.Length, DoNotWaitTellLength);
            return received > buffer.Length ? throw LinuxException.From(what, Errno.MessageTooLong)
                : received >= 0 ? (int)received
                : Marshal.GetLastPInvokeError() == Errno.TryAgain ? -1
                : throw LinuxException.Last(what);
        }
    }

    private static bool TryRead(ReadOnlySpan<byte> bytes, ref int at, out Reply reply)
    {
        reply = default;
        if (bytes.Length - at < NetlinkBatch.HeaderBytes)
        {
            return false;
        }

        ReadOnlySpan<byte> left = bytes[at..];
        uint length = MemoryMarshal.Read<uint>(left);
        if (length < NetlinkBatch.HeaderBytes || length > left.Length)
        {
            return false;
        }

        reply = new Reply
        {
            Type = MemoryMarshal.Read<ushort>(left[4..]),
            Flags = MemoryMarshal.Read<ushort>(left[6..]),
            Sequence = MemoryMarshal.Read<uint>(left[8..]),
            Payload = left[NetlinkBatch.HeaderBytes..(int)length],
        };
        at += (int)((length + 3) & ~3u);
        return true;
    }

    // Of NLMSG_ERROR and NLMSG_DONE: a negative error number or 0, for the first the header it is about, then attributes.
    private static LinuxException? FailureOf(Reply reply, string what)
    {
        int error = reply.Payload.Length >= sizeof(int) ? MemoryMarshal.Read<int>(reply.Payload) : 0;
        if (error >= 0)
        {
            return null;
        }

        string? said = null;
        int before = sizeof(int) + (reply.Type == ErrorMessage ? NetlinkBatch.HeaderBytes : 0);
        if ((reply.Flags & HasAttributes) != 0 && reply.Payload.Length > before)
        {
            NetlinkAttributes attributes = new(reply.Payload[before..]);
            said = attributes.MoveTo(ErrorText) ? attributes.Text : null;
        }

        return LinuxException.From(what, -error, null, said);
    }

    [LibraryImport("libc", EntryPoint = "socket", SetLastError = true)]
    private static partial SafeFileHandle SocketNative(int family, int type, int protocol);

    [LibraryImport("libc", EntryPoint = "setsockopt", SetLastError = true)]
    private static partial int SetOption(SafeFileHandle socket, int level, int option, int* value, uint length);

    [LibraryImport("libc", EntryPoint = "send", SetLastError = true)]
    private static partial nint SendNative(SafeFileHandle socket, byte* data, nuint length, int flags);

    [LibraryImport("libc", EntryPoint = "recv", SetLastError = true)]
    private static partial nint ReceiveNative(SafeFileHandle socket, byte* data, nuint length, int flags);

    [LibraryImport("libc", EntryPoint = "ioctl", SetLastError = true)]
    private static partial int Control(SafeFileHandle socket, nuint request, InterfaceRequest* argument);

    /// <summary>The fields of struct ifreq that are needed.</summary>
    [StructLayout(LayoutKind.Explicit, Size = 40)]
    private struct InterfaceRequest
    {
        [FieldOffset(0)]
        public fixed byte Name[16];

        [FieldOffset(16)]
        public int Index;
    }

    private ref struct Reply
    {
        public ushort Type;
        public ushort Flags;
        public uint Sequence;
        public ReadOnlySpan<byte> Payload;
    }
}
