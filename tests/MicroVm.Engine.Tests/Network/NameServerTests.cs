using System.Buffers.Binary;
using System.Net;
using System.Net.Sockets;
using System.Text;
using MicroVm.Engine.Network;
using MicroVm.Engine.Tests.Support;

namespace MicroVm.Engine.Tests.Network;

/// <summary>The name server of named networks, asked by hand, in a namespace with name servers of the test's own.</summary>
public sealed class NameServerTests : IDisposable
{
    private const ushort A = 1;
    private const ushort Mx = 15;
    private const ushort Aaaa = 28;
    private const string Nearby = "127.0.0.101";
    private const string Other = "127.0.0.102";

    // RFC 6891: no name, type OPT, 1,232 bytes, no flags, no options.
    private static readonly byte[] s_edns = [0, 0, 41, 0x04, 0xD0, 0, 0, 0, 0, 0, 0];

    private static readonly IPAddress s_db = IPAddress.Parse("198.18.128.7");
    private static readonly IPAddress s_dbV6 = IPAddress.Parse("fd6d:6963:766e::7");
    private static readonly IPAddress s_elsewhere = IPAddress.Parse("192.0.2.80");

    private readonly TestNamespace? _place = Host.WhyNotRoot is null ? new() : null;
    private readonly List<IPAddress> _resolvers = [];

    public void Dispose() => _place?.Dispose();

    [RootFact]
    public async Task Names_of_VMs_are_answered_and_nobody_is_asked()
    {
        using NameSource nearby = Source(Nearby, s_elsewhere);
        using NameServer server = Start();
        foreach (bool overStream in (bool[])[false, true])
        {
            Answer four = await AskAsync(server, Query("db", A), overStream);
            Assert.Equal((0, s_db), (four.Code, Assert.Single(four.Addresses)));
            Assert.Equal(s_dbV6, Assert.Single((await AskAsync(server, Query("DB.Blue", Aaaa), overStream)).Addresses));
            // There is the name, but nothing of that type; and of this one no IPv6 address.
            Assert.Equal((0, 0), Summary(await AskAsync(server, Query("db", Mx), overStream)));
            Assert.Equal((0, 0), Summary(await AskAsync(server, Query("four", Aaaa), overStream)));
        }

        Assert.Empty(nearby.Asked);
    }

    [RootFact]
    public async Task What_is_no_name_of_a_VM_is_asked_of_the_hosts_servers()
    {
        using NameSource nearby = Source(Nearby, s_elsewhere);
        using NameServer server = Start();
        foreach (bool overStream in (bool[])[false, true])
        {
            Assert.Equal(s_elsewhere, Assert.Single((await AskAsync(server, Query("www.example.org", A), overStream)).Addresses));
            Assert.Equal((0, 0), Summary(await AskAsync(server, Query("www.example.org", Mx), overStream)));
        }

        Assert.Equal(4, nearby.Asked.Count);
    }

    [RootFact]
    public async Task Additional_records_of_a_query_are_no_part_of_the_answer_and_are_handed_on()
    {
        using NameSource nearby = Source(Nearby, s_elsewhere);
        using NameServer server = Start();
        byte[] ours = Query("db", A, s_edns);
        byte[] theirs = Query("www.example.org", A, s_edns);

        Assert.Equal(s_db, Assert.Single((await AskAsync(server, ours, overStream: false)).Addresses));
        Assert.Equal(s_elsewhere, Assert.Single((await AskAsync(server, theirs, overStream: false)).Addresses));
        Assert.Equal(theirs, Assert.Single(nearby.Messages));
    }

    [RootFact]
    public async Task Garbage_is_no_question_and_harms_nobody()
    {
        using NameServer server = Start();
        byte[] good = Query("db", A);
        byte[] response = [.. good];
        response[2] |= 0x80;
        byte[] status = [.. good];
        status[2] |= 0x10;
        byte[] two = [.. good];
        two[5] = 2;
        byte[] none = [.. good];
        none[5] = 0;
        byte[][] garbage =
        [
            [], [0], good[..11], good[..12], good[..^1], good[..^4], good[..14], response, status, two, none,
            // A name that is a pointer, to itself and to the end; a label of 63 in a message of 20; a label type that is none.
            [.. good[..12], 0xC0, 12, 0, 1, 0, 1], [.. good[..12], 0xC0, 0xFF, 0, 1, 0, 1], [.. good[..12], 63, .. "too short"u8], [.. good[..12], 0x80, 1, 0, 0, 1, 0, 1],
            [.. good[..12], .. Enumerable.Repeat((byte)1, 60_000)],
            [.. good[..^1], 3],
        ];

        foreach (byte[] message in garbage)
        {
            using Socket client = Client(SocketType.Dgram);
            await client.SendToAsync(message, server.EndPoint);
            using Socket stream = Client(SocketType.Stream);
            await stream.ConnectAsync(server.EndPoint);
            await stream.SendAsync(Framed(message));
            using CancellationTokenSource limit = new(Limits.Generous);
            // It hangs up.
            Assert.Equal(0, await stream.ReceiveAsync(new byte[100], limit.Token));
            Assert.Equal(s_db, Assert.Single((await AskAsync(server, good, overStream: false)).Addresses));
        }

        // Less than it says; then nothing.
        using Socket cut = Client(SocketType.Stream);
        await cut.ConnectAsync(server.EndPoint);
        await cut.SendAsync(Framed(good)[..10]);
        cut.Shutdown(SocketShutdown.Send);
        using CancellationTokenSource patience = new(Limits.Generous);
        Assert.Equal(0, await cut.ReceiveAsync(new byte[100], patience.Token));
        Assert.Equal(s_db, Assert.Single((await AskAsync(server, good, overStream: true)).Addresses));
    }

    [RootTheory]
    [InlineData(false)]
    [InlineData(true)]
    public async Task Nobody_to_ask_is_a_failure_that_is_told(bool overStream)
    {
        using NameServer server = Start();
        Assert.Equal((2, 0), Summary(await AskAsync(server, Query("www.example.org", A), overStream)));

        // There is nobody.
        _resolvers.Add(IPAddress.Parse(Nearby));
        Assert.Equal((2, 0), Summary(await AskAsync(server, Query("www.example.org", A), overStream)));
        Assert.Equal(s_db, Assert.Single((await AskAsync(server, Query("db", A), overStream)).Addresses));
    }

    [RootTheory]
    [InlineData(false)]
    [InlineData(true)]
    public async Task Second_server_is_asked_when_the_first_is_not_there_or_says_nothing(bool overStream)
    {
        _resolvers.Add(IPAddress.Parse(Other));
        using NameSource nearby = Source(Nearby, s_elsewhere);
        using NameServer server = Start();
        Assert.Equal(s_elsewhere, Assert.Single((await AskAsync(server, Query("www.example.org", A), overStream)).Addresses));

        using NameSource silent = new(_place!, Other, answer: null);
        Assert.Equal(s_elsewhere, Assert.Single((await AskAsync(server, Query("www.example.org", A), overStream)).Addresses));
        Assert.Single(silent.Asked);
    }

    [RootFact]
    public async Task Many_ask_at_once_and_all_are_answered()
    {
        const int Count = 400;
        using NameSource nearby = Source(Nearby, s_elsewhere);
        using NameServer server = Start();

        Answer[] answers = await Task.WhenAll(Enumerable.Range(0, Count).Select(i => AskAsync(server, Query(i % 2 == 0 ? "db" : $"n{i}.example.org", A), overStream: i % 50 == 0)));

        Assert.All(answers.Index(), answer => Assert.Equal(answer.Index % 2 == 0 ? s_db : s_elsewhere, Assert.Single(answer.Item.Addresses)));
    }

    [RootFact]
    public async Task Questions_follow_each_other_on_one_connection()
    {
        using NameServer server = Start();
        using Socket stream = Client(SocketType.Stream);
        await stream.ConnectAsync(server.EndPoint);
        // Two at once, in pieces.
        byte[] both = [.. Framed(Query("db", A)), .. Framed(Query("four", A))];
        await stream.SendAsync(both.AsMemory(0, 7));
        await stream.SendAsync(both.AsMemory(7));

        Assert.Equal(s_db, Assert.Single(Read(await ReceiveFramedAsync(stream)).Addresses));
        Assert.Equal(s_db, Assert.Single(Read(await ReceiveFramedAsync(stream)).Addresses));
    }

    private NameServer Start() => new(
        _place!.Network,
        (from, name) => !from.Equals(IPAddress.Loopback) ? null : name switch
        {
            "db" or "db.blue" => new NameServer.NameAnswer(s_db, s_dbV6),
            "four" => new NameServer.NameAnswer(s_db, null),
            _ => null,
        },
        _ => [.. _resolvers]);

    private NameSource Source(string address, IPAddress answer)
    {
        _resolvers.Add(IPAddress.Parse(address));
        return new NameSource(_place!, address, answer);
    }

    private Socket Client(SocketType type)
    {
        Socket socket = _place!.Run(() => new Socket(AddressFamily.InterNetwork, type, type == SocketType.Stream ? ProtocolType.Tcp : ProtocolType.Udp));
        socket.Bind(new IPEndPoint(IPAddress.Loopback, 0));
        return socket;
    }

    private async Task<Answer> AskAsync(NameServer server, byte[] query, bool overStream)
    {
        using Socket client = Client(overStream ? SocketType.Stream : SocketType.Dgram);
        using CancellationTokenSource limit = new(Limits.Generous);
        await client.ConnectAsync(server.EndPoint, limit.Token);
        await client.SendAsync(overStream ? Framed(query) : query, limit.Token);
        byte[] answer = overStream ? await ReceiveFramedAsync(client) : await ReceiveAsync(client, query, limit.Token);
        Assert.Equal(query[..2], answer[..2]);
        return Read(answer);
    }

    // A datagram may be lost where many come at once: who asks, asks again.
    private static async Task<byte[]> ReceiveAsync(Socket socket, byte[] query, CancellationToken cancellationToken)
    {
        byte[] answer = new byte[4096];
        Task<int> receiving = socket.ReceiveAsync(answer, cancellationToken).AsTask();
        while (await Task.WhenAny(receiving, Task.Delay(TimeSpan.FromSeconds(5), cancellationToken)) != receiving)
        {
            cancellationToken.ThrowIfCancellationRequested();
            await socket.SendAsync(query, cancellationToken);
        }

        return answer[..await receiving];
    }

    private static async Task<byte[]> ReceiveFramedAsync(Socket socket)
    {
        using CancellationTokenSource limit = new(Limits.Generous);
        using NetworkStream stream = new(socket, ownsSocket: false);
        byte[] length = new byte[2];
        await stream.ReadExactlyAsync(length, limit.Token);
        byte[] message = new byte[BinaryPrimitives.ReadUInt16BigEndian(length)];
        await stream.ReadExactlyAsync(message, limit.Token);
        return message;
    }

    private static byte[] Query(string name, ushort type, byte[]? additional = null) =>
    [
        0x12, (byte)Random.Shared.Next(256), 0x01, 0x00, 0, 1, 0, 0, 0, 0, 0, (byte)(additional is null ? 0 : 1),
        .. name.Split('.').SelectMany(label => (byte[])[(byte)label.Length, .. Encoding.ASCII.GetBytes(label)]), 0,
        0, (byte)type, 0, 1,
        .. additional ?? [],
    ];

    private static byte[] Framed(byte[] message) => [(byte)(message.Length >> 8), (byte)message.Length, .. message];

    private static (int Code, int Count) Summary(Answer answer) => (answer.Code, answer.Addresses.Count);

    // Reads it as a resolver does, to the last byte.
    private static Answer Read(byte[] message)
    {
        Assert.Equal(0x81, message[2] & ~0x04);
        Assert.Equal(0x80, message[3] & 0xF0);
        Assert.Equal([0, 1], message[4..6]);
        Assert.Equal([0, 0, 0, 0], message[8..12]);
        int at = 12;
        while (message[at] != 0)
        {
            at += 1 + message[at];
        }

        at += 5;
        List<IPAddress> addresses = [];
        for (int i = BinaryPrimitives.ReadUInt16BigEndian(message.AsSpan(6)); i > 0; i--)
        {
            // Its name is a pointer to the question's.
            Assert.Equal([0xC0, 12], message[at..(at + 2)]);
            int length = BinaryPrimitives.ReadUInt16BigEndian(message.AsSpan(at + 10));
            Assert.Equal(BinaryPrimitives.ReadUInt16BigEndian(message.AsSpan(at + 2)) == A ? 4 : 16, length);
            addresses.Add(new IPAddress(message.AsSpan(at + 12, length)));
            at += 12 + length;
        }

        Assert.Equal(message.Length, at);
        return new Answer(message[3] & 0x0F, addresses);
    }

    private sealed record Answer(int Code, IReadOnlyList<IPAddress> Addresses);
}
