using System.Globalization;
using System.Net.Sockets;
using System.Text;
using MicroVm.Engine.Native;

namespace MicroVm.Engine.Guest.Agent;

/// <summary>
/// A vsock port behind the Unix socket of Firecracker or Cloud Hypervisor: the host writes <c>CONNECT port</c> and reads <c>OK hostport</c> (docs/vsock.md in
/// both). A VMM that hangs up instead has nobody listening in its guest yet; so it is asked again, at growing intervals, until the caller has waited enough.
/// </summary>
internal sealed class HybridVsockChannel(string socketPath, uint port) : IGuestChannel
{
    // "OK 4294967295\n"
    private const int LongestAnswerBytes = 14;

    private static readonly TimeSpan s_firstPause = TimeSpan.FromMilliseconds(1);
    private static readonly TimeSpan s_longestPause = TimeSpan.FromMilliseconds(20);

    /// <inheritdoc/>
    public async Task<Stream> OpenAsync(CancellationToken cancellationToken)
    {
        for (TimeSpan pause = s_firstPause; ; pause = Pauses.After(pause, s_longestPause))
        {
            if (await TryOpenAsync(cancellationToken) is { } stream)
            {
                return stream;
            }

            await Task.Delay(pause, cancellationToken);
        }
    }

    private async Task<Stream?> TryOpenAsync(CancellationToken cancellationToken)
    {
        Socket socket = new(AddressFamily.Unix, SocketType.Stream, ProtocolType.Unspecified);
        try
        {
            await socket.ConnectAsync(new UnixDomainSocketEndPoint(socketPath), cancellationToken);
            await socket.SendAsync(Encoding.ASCII.GetBytes(string.Create(CultureInfo.InvariantCulture, $"CONNECT {port}\n")), cancellationToken);
            if (await ReadAnswerAsync(socket, cancellationToken))
            {
                return new NetworkStream(socket, ownsSocket: true);
            }

            socket.Dispose();
            return null;
        }
        catch (SocketException exception) when (exception.SocketErrorCode is SocketError.ConnectionReset or SocketError.Shutdown)
        {
            socket.Dispose();
            return null;
        }
        catch (SocketException exception)
        {
            socket.Dispose();
            throw new IOException($"Nobody listens on '{socketPath}'.", exception);
        }
        catch
        {
            socket.Dispose();
            throw;
        }
    }

    // Byte by byte: what the guest says first may follow in the same segment.
    private static async Task<bool> ReadAnswerAsync(Socket socket, CancellationToken cancellationToken)
    {
        byte[] answer = new byte[LongestAnswerBytes];
        int length = 0;
        while (await socket.ReceiveAsync(answer.AsMemory(length, 1), cancellationToken) > 0)
        {
            if (answer[length++] == '\n')
            {
                string line = Encoding.ASCII.GetString(answer, 0, length - 1);
                return line.StartsWith("OK ", StringComparison.Ordinal) && uint.TryParse(line.AsSpan(3), NumberStyles.None, CultureInfo.InvariantCulture, out _)
                    ? true
                    : throw new IOException($"The VMM answered '{line}' to CONNECT.");
            }

            if (length == answer.Length)
            {
                throw new IOException("The VMM's answer to CONNECT has no end.");
            }
        }

        return false;
    }
}
