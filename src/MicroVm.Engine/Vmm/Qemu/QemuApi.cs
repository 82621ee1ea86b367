using System.Buffers;
using System.Net.Sockets;
using System.Runtime.InteropServices;
using System.Text.Json;
using System.Threading.Channels;
using MicroVm.Engine.Errors;
using MicroVm.Engine.Native;

namespace MicroVm.Engine.Vmm.Qemu;

/// <summary>
/// A client of the QEMU Machine Protocol (docs/interop/qmp-spec in QEMU): greeting, capabilities, answers matched by id, events as a stream.
/// </summary>
internal sealed class QemuApi : IAsyncDisposable
{
    // QEMU's answers to our commands are some hundred bytes; what is longer than this is no answer.
    private const int LongestMessageBytes = 1 << 20;

    private readonly Socket _socket;
    // Guarded by itself. Classes here and in tasks: each generic of the framework over a struct of ours or another assembly's is compiled at its first use.
    private readonly Dictionary<long, TaskCompletionSource<QmpMessage>> _calls = [];
    private readonly Channel<QmpMessage> _events = Channel.CreateUnbounded<QmpMessage>();
    private readonly TaskCompletionSource<string> _greeting = new(TaskCreationOptions.RunContinuationsAsynchronously);
    private readonly Lock _sending = new();
    private readonly Task _reading;
    // Guarded by the calls, too: a command is either failed by the end of the reading or sees it.
    private VmmConnectionException? _end;
    private long _lastId;

    private QemuApi(Socket socket)
    {
        _socket = socket;
        _reading = ReadAsync();
    }

    /// <summary>QEMU's version, from its greeting.</summary>
    public string Version => _greeting.Task.Result;

    /// <summary>The events since the connection was made; completed when it ends.</summary>
    public ChannelReader<QmpMessage> Events => _events.Reader;

    /// <summary>Connects and waits until QEMU takes commands.</summary>
    /// <exception cref="VmmConnectionException">Nobody listens, or QEMU hung up.</exception>
    /// <exception cref="MicroVmException"><see cref="ErrorIds.MicroVmTimeout"/>: QEMU does not answer.</exception>
    public static async Task<QemuApi> ConnectAsync(string path, TimeSpan limit, CancellationToken cancellationToken)
    {
        Socket socket = new(AddressFamily.Unix, SocketType.Stream, ProtocolType.Unspecified);
        try
        {
            await socket.ConnectAsync(new UnixDomainSocketEndPoint(path), cancellationToken);
        }
        catch (SocketException exception)
        {
            socket.Dispose();
            throw new VmmConnectionException($"Nobody listens on '{path}'.", exception);
        }
        catch
        {
            socket.Dispose();
            throw;
        }

        QemuApi api = new(socket);
        try
        {
            await WithLimitAsync(api._greeting.Task, "greeting", limit, cancellationToken);
            await api.CallAsync("qmp_capabilities", null, limit, cancellationToken);
            return api;
        }
        catch
        {
            await api.DisposeAsync();
            throw;
        }
    }

    /// <summary>Runs a command and gives the answer.</summary>
    /// <param name="command">Its name.</param>
    /// <param name="arguments">Writes the members of its arguments; null for none.</param>
    /// <param name="limit">How long QEMU may take.</param>
    /// <param name="cancellationToken">Ends the wait; QEMU may carry out the command nevertheless.</param>
    /// <param name="file">An open file to hand over with it.</param>
    /// <exception cref="MicroVmException"><see cref="ErrorIds.HypervisorApiError"/>, <see cref="ErrorIds.MicroVmTimeout"/>.</exception>
    /// <exception cref="VmmConnectionException">QEMU hung up.</exception>
    public async Task<QmpMessage> CallAsync(
        string command, Action<Utf8JsonWriter>? arguments, TimeSpan limit, CancellationToken cancellationToken, SafeHandle? file = null)
    {
        cancellationToken.ThrowIfCancellationRequested();
        long id = Interlocked.Increment(ref _lastId);
        TaskCompletionSource<QmpMessage> call = new(TaskCreationOptions.RunContinuationsAsynchronously);
        lock (_calls)
        {
            if (_end is not null)
            {
                throw new VmmConnectionException(_end.Message, _end);
            }

            _calls[id] = call;
        }

        try
        {
            Send(Compose(command, arguments, id), file);
            return await WithLimitAsync(call.Task, command, limit, cancellationToken);
        }
        finally
        {
            TakeCall(id);
        }
    }

    /// <inheritdoc/>
    public ValueTask DisposeAsync()
    {
        _socket.Dispose();
        return new ValueTask(_reading);
    }

    private static byte[] Compose(string command, Action<Utf8JsonWriter>? arguments, long id)
    {
        ArrayBufferWriter<byte> buffer = new();
        using (Utf8JsonWriter writer = new(buffer))
        {
            writer.WriteStartObject();
            writer.WriteString("execute", command);
            writer.WriteNumber("id", id);
            if (arguments is not null)
            {
                writer.WriteStartObject("arguments");
                arguments(writer);
                writer.WriteEndObject();
            }

            writer.WriteEndObject();
        }

        return buffer.WrittenSpan.ToArray();
    }

    private static async Task<T> WithLimitAsync<T>(Task<T> task, string command, TimeSpan limit, CancellationToken cancellationToken)
    {
        try
        {
            return await task.WaitAsync(limit, cancellationToken);
        }
        catch (TimeoutException exception)
        {
            throw new MicroVmException(
                ErrorIds.MicroVmTimeout, ErrorKind.Timeout, $"QEMU did not answer '{command}' within {limit.TotalSeconds:0.#} s.", exception)
            {
                RecommendedAction = "The VMM hangs or is stopped by a debugger; end it with: Stop-MicroVm -TurnOff",
            };
        }
    }

    // A command is some hundred bytes, which the socket's buffer takes without QEMU's help.
    private void Send(byte[] message, SafeHandle? file)
    {
        try
        {
            lock (_sending)
            {
                if (file is null)
                {
                    _socket.Send(message);
                }
                else
                {
                    SocketMessages.Send(_socket, message, file);
                }
            }
        }
        catch (Exception exception) when (exception is SocketException or LinuxException or ObjectDisposedException)
        {
            throw new VmmConnectionException("QEMU closed its control socket.", exception);
        }
    }

    private async Task ReadAsync()
    {
        VmmConnectionException end = new("QEMU closed its control socket.");
        try
        {
            byte[] buffer = new byte[4096];
            int length = 0;
            int read;
            while ((read = await _socket.ReceiveAsync(buffer.AsMemory(length), SocketFlags.None)) > 0)
            {
                length = TakeMessages(ref buffer, length, read);
            }
        }
        catch (Exception exception) when (exception is SocketException or ObjectDisposedException or FormatException)
        {
            end = new VmmConnectionException("The conversation with QEMU broke off.", exception);
        }

        Fail(end);
    }

    // Returns how many bytes of an unfinished message are left at the beginning of the buffer.
    private int TakeMessages(ref byte[] buffer, int scanned, int read)
    {
        int length = scanned + read;
        int start = 0;
        int end;
        while ((end = buffer.AsSpan(scanned, length - scanned).IndexOf((byte)'\n')) >= 0)
        {
            Dispatch(QmpMessage.Parse(buffer.AsMemory(start, scanned + end - start)));
            start = scanned = scanned + end + 1;
        }

        buffer.AsSpan(start, length - start).CopyTo(buffer);
        length -= start;
        if (length == buffer.Length)
        {
            Array.Resize(ref buffer, length < LongestMessageBytes ? length * 2 : throw new FormatException("QEMU's message has no end."));
        }

        return length;
    }

    private void Fail(VmmConnectionException end)
    {
        _greeting.TrySetException(end);
        _events.Writer.TryComplete(end);
        lock (_calls)
        {
            _end = end;
            foreach (TaskCompletionSource<QmpMessage> call in _calls.Values)
            {
                call.TrySetException(end);
            }
        }

        // A failure that nobody waits for must not surface in the finalizer.
        _ = _greeting.Task.Exception;
        _ = _events.Reader.Completion.Exception;
    }

    private TaskCompletionSource<QmpMessage>? TakeCall(long id)
    {
        lock (_calls)
        {
            return _calls.Remove(id, out TaskCompletionSource<QmpMessage>? call) ? call : null;
        }
    }

    private void Dispatch(QmpMessage message)
    {
        if (message.GreetingVersion is { } version)
        {
            _greeting.TrySetResult(version);
        }
        else if (message.Event is not null)
        {
            _events.Writer.TryWrite(message);
        }
        else if (message.Id is { } id && TakeCall(id) is { } call)
        {
            if (message.Error is { } error)
            {
                call.SetException(new MicroVmException(ErrorIds.HypervisorApiError, ErrorKind.Protocol, $"QEMU refused: {error}"));
            }
            else
            {
                call.SetResult(message);
            }
        }
    }
}
