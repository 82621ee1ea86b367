using System.Net.Sockets;
using System.Text;
using MicroVm.Engine.Tests.Support;

namespace MicroVm.Engine.Tests.Guest.Agent;

/// <summary>The Unix socket of a hybrid vsock, as Firecracker and Cloud Hypervisor have it: one line in, one line out, then bytes both ways.</summary>
internal sealed class VsockServer : IDisposable
{
    private readonly Socket _listener = new(AddressFamily.Unix, SocketType.Stream, ProtocolType.Unspecified);

    public VsockServer(string path)
    {
        Path = path;
        _listener.Bind(new UnixDomainSocketEndPoint(path));
        _listener.Listen();
    }

    public string Path { get; }

    /// <summary>Takes the next client and its request, which must be exactly one line.</summary>
    public async Task<Socket> AcceptAsync(uint port)
    {
        Socket client = await _listener.AcceptAsync().Within("a client");
        string expected = $"CONNECT {port}\n";
        byte[] line = new byte[expected.Length];
        for (int length = 0; length < line.Length;)
        {
            int read = await client.ReceiveAsync(line.AsMemory(length)).AsTask().Within("the request");
            Assert.True(read > 0, "The client hung up.");
            length += read;
        }

        Assert.Equal(expected, Encoding.ASCII.GetString(line));
        Assert.Equal(0, client.Available);
        return client;
    }

    /// <summary>Connects each client to another socket, and copies both ways.</summary>
    public async Task ServeAsync(uint port, string target, CancellationToken cancellationToken)
    {
        while (!cancellationToken.IsCancellationRequested)
        {
            using Socket client = await AcceptAsync(port);
            using Socket guest = new(AddressFamily.Unix, SocketType.Stream, ProtocolType.Unspecified);
            try
            {
                await guest.ConnectAsync(new UnixDomainSocketEndPoint(target), cancellationToken);
            }
            catch (SocketException)
            {
                // Nobody listens in the guest: hang up.
                continue;
            }

            await client.SendAsync("OK 1073741824\n"u8.ToArray());
            using NetworkStream near = new(client);
            using NetworkStream far = new(guest);
            await Task.WhenAny(near.CopyToAsync(far, cancellationToken), far.CopyToAsync(near, cancellationToken));
            return;
        }
    }

    public void Dispose() => _listener.Dispose();
}
