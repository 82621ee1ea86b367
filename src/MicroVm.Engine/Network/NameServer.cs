using System.Buffers.Binary;
using System.Net;
using System.Net.Sockets;

namespace MicroVm.Engine.Network;

/// <summary>
/// Answers guests of named networks: for the names of the VMs that share a network with the one that asks; what it does not know it asks the host's name servers.
/// It listens on the host's loopback; the firewall leads the guests' questions there, and they keep the addresses they come from.
/// </summary>
internal sealed class NameServer : IDisposable
{
    private const int MostMessageLength = 65535;

    // More wait than could be answered anyway.
    private const int MostQuestions = 512;

    private static readonly TimeSpan s_upstreamLimit = TimeSpan.FromSeconds(4);
    private static readonly TimeSpan s_streamLimit = TimeSpan.FromSeconds(10);

    private readonly HostNetwork _host;
    private readonly Func<IPAddress, string, NameAnswer?> _find;
    private readonly Func<IPAddress, IReadOnlyList<IPAddress>> _resolvers;
    private readonly Socket _datagrams;
    private readonly Socket _streams;
    private readonly CancellationTokenSource _end = new();
    private readonly SemaphoreSlim _room = new(MostQuestions);

    /// <summary>Begins to listen.</summary>
    /// <param name="host">Where it listens, and asks others.</param>
    /// <param name="find">What an address knows a name by, in lower case; null when the name is none of a VM's.</param>
    /// <param name="resolvers">The name servers that may be asked for an address; those of the moment.</param>
    /// <exception cref="SocketException">No port is free, or the one that was found is taken for UDP: to be tried again.</exception>
    public NameServer(HostNetwork host, Func<IPAddress, string, NameAnswer?> find, Func<IPAddress, IReadOnlyList<IPAddress>> resolvers)
    {
        (_host, _find, _resolvers) = (host, find, resolvers);
        _datagrams = host.OpenSocket(AddressFamily.InterNetwork, SocketType.Dgram, ProtocolType.Udp);
        _streams = host.OpenSocket(AddressFamily.InterNetwork, SocketType.Stream, ProtocolType.Tcp);
        try
        {
            Bind();
            _streams.Listen(16);
        }
        catch
        {
            Dispose();
            throw;
        }

        EndPoint = (IPEndPoint)_datagrams.LocalEndPoint!;
        _ = AnswerDatagramsAsync();
        _ = AnswerStreamsAsync();
    }

    /// <summary>The addresses of a name.</summary>
    /// <param name="Four">The IPv4 address, or null.</param>
    /// <param name="Six">The IPv6 address, or null.</param>
    internal sealed record NameAnswer(IPAddress? Four, IPAddress? Six);

    /// <summary>The address of the loopback at which it listens, nobody else's: so the firewall knows the questions that go there.</summary>
    public static IPAddress Address { get; } = IPAddress.Parse("127.77.86.53");

    /// <summary>Where it listens, with UDP and TCP.</summary>
    public IPEndPoint EndPoint { get; }

    /// <inheritdoc/>
    public void Dispose()
    {
        _end.Cancel();
        _datagrams.Dispose();
        _streams.Dispose();
    }

    // The same port for both.
    private void Bind()
    {
        _streams.Bind(new IPEndPoint(Address, 0));
        _datagrams.Bind(_streams.LocalEndPoint!);
    }

    private async Task AnswerDatagramsAsync()
    {
        byte[] buffer = new byte[MostMessageLength];
        while (!_end.IsCancellationRequested)
        {
            try
            {
                await _room.WaitAsync(_end.Token);
                SocketReceiveFromResult received = await _datagrams.ReceiveFromAsync(buffer, new IPEndPoint(IPAddress.Any, 0), _end.Token);
                byte[] query = buffer[..received.ReceivedBytes];
                _ = ReplyAsync(query, (IPEndPoint)received.RemoteEndPoint);
            }
            catch (SocketException)
            {
                // An answer met nobody; that is said of the next receive.
                _room.Release();
            }
            catch (Exception exception) when (exception is OperationCanceledException or ObjectDisposedException)
            {
                return;
            }
        }
    }

    private async Task ReplyAsync(byte[] query, IPEndPoint from)
    {
        try
        {
            if (await AnswerAsync(query, from.Address, overStream: false, _end.Token) is { } answer)
            {
                await _datagrams.SendToAsync(answer, from, _end.Token);
            }
        }
        catch (Exception exception) when (exception is SocketException or OperationCanceledException or ObjectDisposedException)
        {
            // Who asked is gone, or will ask again.
        }
        finally
        {
            _room.Release();
        }
    }

    private async Task AnswerStreamsAsync()
    {
        while (!_end.IsCancellationRequested)
        {
            try
            {
                await _room.WaitAsync(_end.Token);
                _ = TalkAsync(await _streams.AcceptAsync(_end.Token));
            }
            catch (SocketException)
            {
                _room.Release();
            }
            catch (Exception exception) when (exception is OperationCanceledException or ObjectDisposedException)
            {
                return;
            }
        }
    }

    private async Task TalkAsync(Socket socket)
    {
        try
        {
            using NetworkStream stream = new(socket, ownsSocket: true);
            using CancellationTokenSource limit = CancellationTokenSource.CreateLinkedTokenSource(_end.Token);
            limit.CancelAfter(s_streamLimit);
            IPAddress from = ((IPEndPoint)socket.RemoteEndPoint!).Address;
            while (await ReadAsync(stream, limit.Token) is { } query && await AnswerAsync(query, from, overStream: true, limit.Token) is { } answer)
            {
                await WriteAsync(stream, answer, limit.Token);
            }
        }
        catch (Exception exception) when (exception is IOException or SocketException or OperationCanceledException or ObjectDisposedException)
        {
            // Who asked is gone, or took too long.
        }
        finally
        {
            _room.Release();
        }
    }

    private async Task<byte[]?> AnswerAsync(byte[] query, IPAddress from, bool overStream, CancellationToken cancellationToken)
    {
        if (DnsMessage.ReadQuestion(query) is not { } question)
        {
            return null;
        }

        if (_find(from, question.Name) is { } found)
        {
            return DnsMessage.Answer(query, question, question.Type switch
            {
                DnsMessage.TypeA => found.Four,
                DnsMessage.TypeAaaa => found.Six,
                _ => null,
            });
        }

        foreach (IPAddress resolver in _resolvers(from))
        {
            try
            {
                using CancellationTokenSource limit = CancellationTokenSource.CreateLinkedTokenSource(cancellationToken);
                limit.CancelAfter(s_upstreamLimit);
                return overStream
                    ? await AskOverStreamAsync(resolver, query, limit.Token)
                    : await AskAsync(resolver, query, limit.Token);
            }
            catch (Exception exception) when (!cancellationToken.IsCancellationRequested && exception is SocketException or IOException or OperationCanceledException)
            {
                // The next one may answer.
            }
        }

        return DnsMessage.Failed(query, question);
    }

    private async Task<byte[]> AskAsync(IPAddress resolver, byte[] query, CancellationToken cancellationToken)
    {
        using Socket socket = _host.OpenSocket(resolver.AddressFamily, SocketType.Dgram, ProtocolType.Udp);
        // Connected: nobody else's answers are taken.
        await socket.ConnectAsync(new IPEndPoint(resolver, 53), cancellationToken);
        await socket.SendAsync(query, cancellationToken);
        byte[] buffer = new byte[MostMessageLength];
        while (true)
        {
            int length = await socket.ReceiveAsync(buffer, cancellationToken);
            if (length >= 2 && buffer.AsSpan(0, 2).SequenceEqual(query.AsSpan(0, 2)))
            {
                return buffer[..length];
            }
        }
    }

    private async Task<byte[]> AskOverStreamAsync(IPAddress resolver, byte[] query, CancellationToken cancellationToken)
    {
        Socket socket = _host.OpenSocket(resolver.AddressFamily, SocketType.Stream, ProtocolType.Tcp);
        using NetworkStream stream = await ConnectAsync(socket, new IPEndPoint(resolver, 53), cancellationToken);
        await WriteAsync(stream, query, cancellationToken);
        return await ReadAsync(stream, cancellationToken) ?? throw new EndOfStreamException();
    }

    private static async Task<NetworkStream> ConnectAsync(Socket socket, IPEndPoint to, CancellationToken cancellationToken)
    {
        try
        {
            await socket.ConnectAsync(to, cancellationToken);
            return new NetworkStream(socket, ownsSocket: true);
        }
        catch
        {
            socket.Dispose();
            throw;
        }
    }

    // Over TCP each message follows its length.
    private static async Task<byte[]?> ReadAsync(NetworkStream stream, CancellationToken cancellationToken)
    {
        byte[] length = new byte[2];
        if (await stream.ReadAtLeastAsync(length, 2, throwOnEndOfStream: false, cancellationToken) < 2)
        {
            return null;
        }

        byte[] message = new byte[BinaryPrimitives.ReadUInt16BigEndian(length)];
        await stream.ReadExactlyAsync(message, cancellationToken);
        return message;
    }

    private static async Task WriteAsync(NetworkStream stream, byte[] message, CancellationToken cancellationToken)
    {
        byte[] framed = new byte[2 + message.Length];
        BinaryPrimitives.WriteUInt16BigEndian(framed, (ushort)message.Length);
        message.CopyTo(framed, 2);
        await stream.WriteAsync(framed, cancellationToken);
    }
}
