using System.Buffers.Binary;
using System.Collections.Concurrent;
using System.Net;
using System.Net.Sockets;
using System.Text;
using MicroVm.Engine.Tests.Support;

namespace MicroVm.Engine.Tests.Network;

/// <summary>A name server that knows one answer to every question, over UDP and TCP, and remembers what it was asked.</summary>
internal sealed class NameSource : IDisposable
{
    private readonly CancellationTokenSource _end = new();
    private readonly Socket _datagrams;
    private readonly Socket _streams;
    private readonly IPAddress? _answer;

    /// <param name="place">Where.</param>
    /// <param name="address">The address it listens at, port 53.</param>
    /// <param name="answer">The address of every name; null never answers.</param>
    public NameSource(TestNamespace place, string address, IPAddress? answer)
    {
        IPEndPoint at = new(IPAddress.Parse(address), 53);
        _answer = answer;
        (_datagrams, _streams) = place.Run(() => (
            new Socket(at.AddressFamily, SocketType.Dgram, ProtocolType.Udp), new Socket(at.AddressFamily, SocketType.Stream, ProtocolType.Tcp)));
        _streams.SetSocketOption(SocketOptionLevel.Socket, SocketOptionName.ReuseAddress, true);
        _datagrams.Bind(at);
        _streams.Bind(at);
        _streams.Listen();
        _ = Task.Run(AnswerDatagramsAsync);
        _ = Task.Run(AnswerStreamsAsync);
    }

    /// <summary>The names that were asked for, with the address of who asked.</summary>
    public ConcurrentQueue<string> Asked { get; } = new();

    /// <summary>The whole messages.</summary>
    public ConcurrentQueue<byte[]> Messages { get; } = new();

    public void Dispose()
    {
        _end.Cancel();
        _datagrams.Dispose();
        _streams.Dispose();
    }

    private async Task AnswerDatagramsAsync()
    {
        byte[] buffer = new byte[65535];
        try
        {
            while (true)
            {
                SocketReceiveFromResult received = await _datagrams.ReceiveFromAsync(buffer, new IPEndPoint(IPAddress.Any, 0), _end.Token);
                if (AnswerTo(buffer[..received.ReceivedBytes], received.RemoteEndPoint) is { } answer)
                {
                    await _datagrams.SendToAsync(answer, received.RemoteEndPoint, _end.Token);
                }
            }
        }
        catch (Exception exception) when (exception is OperationCanceledException or ObjectDisposedException or SocketException)
        {
            // The end of the test.
        }
    }

    private async Task AnswerStreamsAsync()
    {
        try
        {
            while (true)
            {
                using Socket client = await _streams.AcceptAsync(_end.Token);
                byte[] buffer = new byte[65537];
                int read = await client.ReceiveAsync(buffer, _end.Token);
                if (read > 2 && AnswerTo(buffer[2..read], client.RemoteEndPoint!) is { } answer)
                {
                    byte[] framed = [0, 0, .. answer];
                    BinaryPrimitives.WriteUInt16BigEndian(framed, (ushort)answer.Length);
                    await client.SendAsync(framed, _end.Token);
                }
            }
        }
        catch (Exception exception) when (exception is OperationCanceledException or ObjectDisposedException or SocketException)
        {
            // The end of the test.
        }
    }

    private byte[]? AnswerTo(byte[] query, EndPoint from)
    {
        int end = 12;
        StringBuilder name = new();
        while (query[end] != 0)
        {
            name.Append(name.Length > 0 ? "." : "").Append(Encoding.ASCII.GetString(query, end + 1, query[end]));
            end += 1 + query[end];
        }

        end += 5;
        Messages.Enqueue(query);
        Asked.Enqueue($"{name} {((IPEndPoint)from).Address}");
        if (_answer is null)
        {
            return null;
        }

        bool isFour = query[end - 3] == 1;
        byte[] answer = [.. query[..end], .. isFour ? (byte[])[0xC0, 12, 0, 1, 0, 1, 0, 0, 0, 60, 0, 4, .. _answer.GetAddressBytes()] : []];
        // Response, recursion desired and available; one question, no answer or one, nothing else.
        ((byte[])[0x81, 0x80, 0, 1, 0, (byte)(isFour ? 1 : 0), 0, 0, 0, 0]).CopyTo(answer, 2);
        return answer;
    }
}
