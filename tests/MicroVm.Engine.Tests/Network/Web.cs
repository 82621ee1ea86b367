using System.Net;
using System.Net.Sockets;
using System.Security.Cryptography;
using System.Text;
using MicroVm.Engine.Tests.Support;

namespace MicroVm.Engine.Tests.Network;

/// <summary>The smallest web there is: pages, somebody who takes uploads, and those who fetch.</summary>
internal static class Web
{
    private static readonly TimeSpan s_limit = TimeSpan.FromSeconds(30);

    /// <summary>Serves, by HTTP/1.0 and under every path, a page that says who asked: "you are 192.0.2.1".</summary>
    public static IDisposable Serve(TestNamespace place, string address, int port) => new Server(place, address, port, async (client, end) =>
    {
        byte[] request = new byte[4096];
        int length = 0;
        while (!Encoding.ASCII.GetString(request, 0, length).Contains("\r\n\r\n", StringComparison.Ordinal))
        {
            int read = await client.ReceiveAsync(request.AsMemory(length), end);
            if (read == 0)
            {
                return;
            }

            length += read;
        }

        string page = $"you are {((IPEndPoint)client.RemoteEndPoint!).Address}\n";
        await client.SendAsync(Encoding.ASCII.GetBytes($"HTTP/1.0 200 OK\r\nContent-Length: {page.Length}\r\nConnection: close\r\n\r\n{page}"), end);
    });

    /// <summary>Takes what is sent until the sender has no more, and answers with its SHA-256, as sha256sum(1) writes it for its standard input.</summary>
    public static IDisposable Collect(TestNamespace place, string address, int port) => new Server(place, address, port, async (client, end) =>
    {
        using IncrementalHash hash = IncrementalHash.CreateHash(HashAlgorithmName.SHA256);
        byte[] buffer = new byte[64 << 10];
        int read;
        while ((read = await client.ReceiveAsync(buffer, end)) > 0)
        {
            hash.AppendData(buffer, 0, read);
        }

        await client.SendAsync(Encoding.ASCII.GetBytes($"{Convert.ToHexStringLower(hash.GetHashAndReset())}  -\n"), end);
    });

    /// <summary>Fetches a page; gives its content, or why it could not be had.</summary>
    public static string Get(TestNamespace place, string address, int port, string path = "/") => Try(async end =>
    {
        byte[] page = await FetchAsync(place, address, port, path, end);
        return Encoding.UTF8.GetString(page);
    });

    /// <summary>Fetches a page; gives the SHA-256 of its content as sha256sum(1) does, or why it could not be had.</summary>
    public static string GetDigest(TestNamespace place, string address, int port, string path) => Try(async end =>
        Convert.ToHexStringLower(SHA256.HashData(await FetchAsync(place, address, port, path, end))));

    private static async Task<byte[]> FetchAsync(TestNamespace place, string address, int port, string path, CancellationToken end)
    {
        IPEndPoint to = new(IPAddress.Parse(address), port);
        using Socket socket = place.Run(() => new Socket(to.AddressFamily, SocketType.Stream, ProtocolType.Tcp));
        await socket.ConnectAsync(to, end);
        await socket.SendAsync(Encoding.ASCII.GetBytes($"GET {path} HTTP/1.0\r\nHost: guest\r\n\r\n"), end);
        using MemoryStream answer = new();
        byte[] buffer = new byte[64 << 10];
        int read;
        while ((read = await socket.ReceiveAsync(buffer, end)) > 0)
        {
            answer.Write(buffer, 0, read);
        }

        byte[] all = answer.ToArray();
        int head = all.AsSpan().IndexOf("\r\n\r\n"u8);
        return head < 0 ? throw new IOException($"No page: {Encoding.UTF8.GetString(all)}") : all[(head + 4)..];
    }

    private static string Try(Func<CancellationToken, Task<string>> work)
    {
        using CancellationTokenSource limit = new(s_limit);
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

    private sealed class Server : IDisposable
    {
        private readonly CancellationTokenSource _end = new();
        private readonly Socket _listener;
        private readonly Func<Socket, CancellationToken, Task> _talk;
        private readonly Task _work;

        public Server(TestNamespace place, string address, int port, Func<Socket, CancellationToken, Task> talk)
        {
            IPEndPoint at = new(IPAddress.Parse(address), port);
            _talk = talk;
            _listener = place.Run(() => new Socket(at.AddressFamily, SocketType.Stream, ProtocolType.Tcp));
            _listener.SetSocketOption(SocketOptionLevel.Socket, SocketOptionName.ReuseAddress, true);
            _listener.Bind(at);
            _listener.Listen();
            _work = Task.Run(AcceptAsync);
        }

        public void Dispose()
        {
            _end.Cancel();
            _work.Wait();
            _listener.Dispose();
            _end.Dispose();
        }

        private async Task AcceptAsync()
        {
            List<Task> clients = [];
            try
            {
                while (true)
                {
                    clients.Add(TalkAsync(await _listener.AcceptAsync(_end.Token)));
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
                await _talk(client, _end.Token);
                client.Shutdown(SocketShutdown.Send);
                // Until the other one has it all: closed before, it may not.
                while (await client.ReceiveAsync(new byte[4096], _end.Token) > 0)
                {
                }
            }
            catch (Exception exception) when (exception is OperationCanceledException or SocketException)
            {
                // The client is gone, or the test over.
            }
        }
    }
}
