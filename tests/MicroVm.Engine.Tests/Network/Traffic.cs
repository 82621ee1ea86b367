using System.Net;
using System.Net.Sockets;
using System.Text;
using MicroVm.Engine.Tests.Support;

namespace MicroVm.Engine.Tests.Network;

/// <summary>Servers that tell who asks, and those who ask.</summary>
internal static class Traffic
{
    /// <summary>Bytes of what is long.</summary>
    public const int LongAnswer = 500_000;

    private static readonly TimeSpan s_limit = TimeSpan.FromSeconds(10);

    // For what is expected not to come.
    private static readonly TimeSpan s_silence = TimeSpan.FromMilliseconds(400);

    /// <summary>Answers TCP and UDP on a port of an address, until it is disposed.</summary>
    public static Server Serve(TestNamespace place, string address, int port)
    {
        IPEndPoint end = new(IPAddress.Parse(address), port);
        (Socket tcp, Socket udp) = place.Run(() => (
            new Socket(end.AddressFamily, SocketType.Stream, ProtocolType.Tcp), new Socket(end.AddressFamily, SocketType.Dgram, ProtocolType.Udp)));
        tcp.SetSocketOption(SocketOptionLevel.Socket, SocketOptionName.ReuseAddress, true);
        tcp.Bind(end);
        tcp.Listen();
        udp.Bind(end);
        return new Server(tcp, udp);
    }

    /// <summary>Asks, and gives the address that the server saw, or the error, or "silence".</summary>
    public static string Ask(TestNamespace place, PortProtocol protocol, string address, int port, string? from = null, bool expectSilence = false)
    {
        using Client client = Connect(place, protocol, address, port, from, expectSilence);
        return client.Answer ?? client.Ask();
    }

    /// <summary>Sends an echo request of ICMP and waits for the reply.</summary>
    public static void Ping(TestNamespace place, string address)
    {
        IPAddress to = IPAddress.Parse(address);
        bool ipv6 = to.AddressFamily == AddressFamily.InterNetworkV6;
        using Socket socket = place.Run(() => new Socket(to.AddressFamily, SocketType.Raw, ipv6 ? ProtocolType.IcmpV6 : ProtocolType.Icmp));
        using CancellationTokenSource limit = new(s_limit);
        // Type, code, checksum (ICMPv6's is the kernel's business), identifier 1, sequence 1.
        byte[] request = ipv6 ? [128, 0, 0, 0, 0, 1, 0, 1] : [8, 0, 0xf7, 0xfd, 0, 1, 0, 1];
        byte[] reply = new byte[200];
        Task.Run(async () =>
        {
            await socket.ConnectAsync(new IPEndPoint(to, 0), limit.Token);
            await socket.SendAsync(request, limit.Token);
            int type;
            do
            {
                int read = await socket.ReceiveAsync(reply, limit.Token);
                type = reply[read - request.Length];
            }
            while (type != (ipv6 ? 129 : 0));
        }).GetAwaiter().GetResult();
    }

    /// <summary>Connects and stays connected.</summary>
    public static Client Connect(TestNamespace place, PortProtocol protocol, string address, int port, string? from = null, bool expectSilence = false)
    {
        IPEndPoint end = new(IPAddress.Parse(address), port);
        Socket socket = place.Run(() => protocol == PortProtocol.Tcp
            ? new Socket(end.AddressFamily, SocketType.Stream, ProtocolType.Tcp)
            : new Socket(end.AddressFamily, SocketType.Dgram, ProtocolType.Udp));
        return new Client(socket, end, from is null ? null : IPAddress.Parse(from), expectSilence ? s_silence : s_limit);
    }

    internal sealed class Client : IDisposable
    {
        private readonly Socket _socket;
        private readonly TimeSpan _limit;

        public Client(Socket socket, IPEndPoint end, IPAddress? from, TimeSpan limit)
        {
            _socket = socket;
            _limit = limit;
            if (from is not null)
            {
                socket.Bind(new IPEndPoint(from, 0));
            }

            Answer = Try(async token =>
            {
                await socket.ConnectAsync(end, token);
                return null;
            });
        }

        /// <summary>Null when it is connected.</summary>
        public string? Answer { get; }

        public string Ask() => Try(async token =>
        {
            await _socket.SendAsync("who am I?\n"u8.ToArray(), token);
            byte[] answer = new byte[200];
            return Encoding.ASCII.GetString(answer, 0, await _socket.ReceiveAsync(answer, token));
        })!;

        /// <summary>Asks for a long answer and gives its length.</summary>
        public string AskLong() => Try(async token =>
        {
            await _socket.SendAsync("long\n"u8.ToArray(), token);
            byte[] answer = new byte[16 << 10];
            int all = 0;
            while (all < LongAnswer && await _socket.ReceiveAsync(answer, token) is > 0 and var read)
            {
                all += read;
            }

            return $"{all}";
        })!;

        /// <summary>Sends much before it asks.</summary>
        public string SendLong() => Try(async token =>
        {
            byte[] question = new byte[LongAnswer];
            for (int sent = 0; sent < question.Length;)
            {
                sent += await _socket.SendAsync(question.AsMemory(sent), token);
            }

            return null;
        }) ?? Ask();

        public void Dispose() => _socket.Dispose();

        private string? Try(Func<CancellationToken, Task<string?>> work)
        {
            using CancellationTokenSource limit = new(_limit);
            try
            {
                return Task.Run(() => work(limit.Token)).GetAwaiter().GetResult();
            }
            catch (SocketException exception)
            {
                return exception.SocketErrorCode.ToString();
            }
            catch (OperationCanceledException)
            {
                return "silence";
            }
        }
    }

    internal sealed class Server : IDisposable
    {
        private readonly CancellationTokenSource _end = new();
        private readonly Socket _tcp;
        private readonly Socket _udp;
        private readonly Task _work;

        public Server(Socket tcp, Socket udp)
        {
            (_tcp, _udp) = (tcp, udp);
            _work = Task.WhenAll(Task.Run(AcceptAsync), Task.Run(AnswerAsync));
        }

        public void Dispose()
        {
            _end.Cancel();
            _work.Wait();
            _tcp.Dispose();
            _udp.Dispose();
            _end.Dispose();
        }

        private async Task AcceptAsync()
        {
            List<Task> clients = [];
            try
            {
                while (true)
                {
                    clients.Add(TalkAsync(await _tcp.AcceptAsync(_end.Token)));
                }
            }
            catch (OperationCanceledException)
            {
                await Task.WhenAll(clients);
            }
        }

        private async Task TalkAsync(Socket client)
        {
            using Socket mine = client;
            try
            {
                byte[] question = new byte[16 << 10];
                while (await client.ReceiveAsync(question, _end.Token) is > 0 and var read)
                {
                    // Long uploads are answered at their last line only.
                    if (question.AsSpan(0, read).SequenceEqual("long\n"u8))
                    {
                        await client.SendAsync(new byte[LongAnswer], _end.Token);
                    }
                    else if (question[read - 1] == '\n')
                    {
                        await client.SendAsync(NameOf(client.RemoteEndPoint!), _end.Token);
                    }
                }
            }
            catch (Exception exception) when (exception is OperationCanceledException or SocketException)
            {
                // The client is gone, or the test over.
            }
        }

        private async Task AnswerAsync()
        {
            byte[] question = new byte[16 << 10];
            try
            {
                while (true)
                {
                    try
                    {
                        SocketReceiveFromResult asked = await _udp.ReceiveFromAsync(question, new IPEndPoint(_udp.AddressFamily == AddressFamily.InterNetworkV6 ? IPAddress.IPv6Any : IPAddress.Any, 0), _end.Token);
                        await _udp.SendToAsync(NameOf(asked.RemoteEndPoint), asked.RemoteEndPoint, _end.Token);
                    }
                    catch (SocketException)
                    {
                        // An answer nobody waited for.
                    }
                }
            }
            catch (OperationCanceledException)
            {
            }
        }

        private static byte[] NameOf(EndPoint asker) => Encoding.ASCII.GetBytes(((IPEndPoint)asker).Address.ToString());
    }
}
