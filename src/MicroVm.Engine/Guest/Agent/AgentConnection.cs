using System.Buffers;
using System.Globalization;
using System.Security.Cryptography;
using System.Text.Json;
using MicroVm.Engine.Errors;

namespace MicroVm.Engine.Guest.Agent;

/// <summary>
/// A conversation with the QEMU guest agent (qemu-ga(8)): one request after the other, each a line of JSON. It begins with <c>guest-sync-delimited</c>, after
/// which nothing that an earlier client left unread can be taken for an answer.
/// </summary>
internal sealed class AgentConnection : IAsyncDisposable
{
    // What a client that was killed may have asked for: two streams of 16 MiB of a command, in base 64.
    private const long MostAbandonedBytes = 64L << 20;

    // qemu-ga reads 4 KiB at a time, by a GIOChannel that takes the port for a file one can seek in: what it has read ahead is gone when it writes an answer.
    private const int LongestBatchBytes = 4 << 10;

    // An agent whose keeper starts it again is there after a second.
    private static readonly TimeSpan s_firstPatience = TimeSpan.FromSeconds(3);

    private static readonly byte[] s_sentinel = [0xFF];

    private readonly Stream _stream;
    private readonly AgentLines _lines;
    private readonly string _vmName;

    private AgentConnection(Stream stream, string vmName)
    {
        _stream = stream;
        _lines = new AgentLines(stream);
        _vmName = vmName;
    }

    /// <summary>Connects and waits until the agent answers.</summary>
    /// <param name="channel">The way to it.</param>
    /// <param name="vmName">The VM's name, for errors.</param>
    /// <param name="limit">How long it may take. An agent that is being started is waited for.</param>
    /// <param name="cancellationToken">Ends the wait.</param>
    /// <exception cref="MicroVmException"><see cref="ErrorIds.GuestAgentUnavailable"/>, <see cref="ErrorIds.GuestAgentError"/>.</exception>
    public static async Task<AgentConnection> OpenAsync(IGuestChannel channel, string vmName, TimeSpan limit, CancellationToken cancellationToken)
    {
        Stream? stream = null;
        AgentConnection? connection = null;
        try
        {
            return await AgentFailure.WithinAsync(
                limit,
                async token =>
                {
                    stream = await channel.OpenAsync(token);
                    connection = new AgentConnection(stream, vmName);
                    await connection.SyncAsync(token);
                    return connection;
                },
                () => connection?._lines.TotalBytes > AgentRequest.ShortReplyBytes
                    ? AgentFailure.Garbled(vmName, new FormatException($"{connection._lines.TotalBytes} bytes came that answer nothing."))
                    : AgentFailure.Silent(vmName, limit),
                vmName,
                cancellationToken);
        }
        catch
        {
            stream?.Dispose();
            throw;
        }
    }

    /// <summary>Makes a call and gives what it returned.</summary>
    /// <param name="request">The call.</param>
    /// <param name="limit">How long the agent may take.</param>
    /// <param name="cancellationToken">Ends the wait; the conversation cannot go on after it.</param>
    /// <exception cref="MicroVmException">
    /// <see cref="ErrorIds.GuestAgentError"/>: the agent refused, or answered what is no answer. <see cref="ErrorIds.GuestAgentCommandBlocked"/>: it may not
    /// do this. <see cref="ErrorIds.GuestAgentUnavailable"/>: it does not answer any more.
    /// </exception>
    public async Task<JsonElement> CallAsync(AgentRequest request, TimeSpan limit, CancellationToken cancellationToken) =>
        (await CallAllAsync([request], limit, cancellationToken))[0];

    /// <summary>Makes several calls in as few round trips as can be. All are made, even if one fails.</summary>
    /// <returns>What they returned, in order.</returns>
    /// <exception cref="MicroVmException">As <see cref="CallAsync"/>, for the first that failed.</exception>
    public Task<JsonElement[]> CallAllAsync(IReadOnlyList<AgentRequest> requests, TimeSpan limit, CancellationToken cancellationToken) =>
        AgentFailure.WithinAsync(
            limit,
            async token =>
            {
                JsonElement[] answers = new JsonElement[requests.Count];
                MicroVmException? failure = null;
                for (int next = 0; next < answers.Length;)
                {
                    for (int end = await WriteSomeAsync(requests, next, token); next < end; next++)
                    {
                        try
                        {
                            answers[next] = Take(await _lines.ReadAsync(requests[next].LongestReplyBytes, token), requests[next]);
                        }
                        catch (MicroVmException exception)
                        {
                            failure ??= exception;
                        }
                    }
                }

                return failure is null ? answers : throw failure;
            },
            () => AgentFailure.Stalled(_vmName, requests[0].Command, limit),
            _vmName,
            cancellationToken);

    /// <inheritdoc/>
    public ValueTask DisposeAsync() => _stream.DisposeAsync();

    // Writes what fits into one reading of the agent's, at least one request, and gives the index after the last.
    private async Task<int> WriteSomeAsync(IReadOnlyList<AgentRequest> requests, int next, CancellationToken cancellationToken)
    {
        ArrayBufferWriter<byte> batch = new();
        do
        {
            ReadOnlyMemory<byte> line = requests[next].ToLine();
            if (batch.WrittenCount > 0 && batch.WrittenCount + line.Length > LongestBatchBytes)
            {
                break;
            }

            batch.Write(line.Span);
            next++;
        }
        while (next < requests.Count);
        await _stream.WriteAsync(batch.WrittenMemory, cancellationToken);
        return next;
    }

    // An agent that ends takes with it what it was asked, and one that answers an earlier client forgets what it has read ahead; so it is asked again, the less
    // often the longer it is silent.
    private async Task SyncAsync(CancellationToken cancellationToken)
    {
        for (TimeSpan patience = s_firstPatience; ; patience *= 2)
        {
            using CancellationTokenSource attempt = CancellationTokenSource.CreateLinkedTokenSource(cancellationToken);
            attempt.CancelAfter(patience);
            try
            {
                await TrySyncAsync(attempt.Token);
                return;
            }
            catch (OperationCanceledException) when (!cancellationToken.IsCancellationRequested)
            {
                // The answer to this may still come: it will be skipped, for it has another number.
            }
        }
    }

    private async Task TrySyncAsync(CancellationToken cancellationToken)
    {
        int id = RandomNumberGenerator.GetInt32(int.MaxValue);
        AgentRequest sync = new("guest-sync-delimited", writer => writer.WriteNumber("id", id));
        // The sentinel makes the agent forget the half request of a client that was killed.
        await _stream.WriteAsync(s_sentinel, cancellationToken);
        await _stream.WriteAsync(sync.ToLine(), cancellationToken);
        ReadOnlyMemory<byte> line;
        do
        {
            await _lines.SkipToSentinelAsync(MostAbandonedBytes, cancellationToken);
            line = await _lines.ReadAsync(sync.LongestReplyBytes, cancellationToken);
        }
        while (!Answers(line.Span, id));
    }

    // Anything else may be the answer to an earlier client's sync, or noise, with a sentinel in it by chance and the true one behind that.
    private static bool Answers(ReadOnlySpan<byte> line, int id)
    {
        line = line[(line.LastIndexOf(s_sentinel[0]) + 1)..];
        if (line is not [(byte)'{', .., (byte)'}'])
        {
            return false;
        }

        try
        {
            Utf8JsonReader reader = new(line);
            using JsonDocument document = JsonDocument.ParseValue(ref reader);
            return reader.BytesConsumed == line.Length
                && document.RootElement.TryGetProperty("return", out JsonElement answer)
                && answer.ValueKind == JsonValueKind.Number
                && answer.TryGetInt64(out long answered)
                && answered == id;
        }
        catch (Exception exception) when (exception is JsonException or InvalidOperationException)
        {
            return false;
        }
    }

    private JsonElement Take(ReadOnlyMemory<byte> line, AgentRequest request)
    {
        try
        {
            using JsonDocument document = JsonDocument.Parse(line);
            JsonElement answer = document.RootElement;
            if (answer.ValueKind == JsonValueKind.Object && answer.TryGetProperty("return", out JsonElement result))
            {
                return result.Clone();
            }

            if (answer.ValueKind == JsonValueKind.Object && answer.TryGetProperty("error", out JsonElement error) && error.ValueKind == JsonValueKind.Object)
            {
                throw AgentFailure.Refused(_vmName, request.Command, Text(error, "class"), Text(error, "desc"));
            }
        }
        // The second: text that is no UTF-8.
        catch (Exception exception) when (exception is JsonException or InvalidOperationException)
        {
            throw new FormatException(string.Create(CultureInfo.InvariantCulture, $"{line.Length} bytes came that are no JSON."), exception);
        }

        throw new FormatException("The answer has neither a result nor an error.");
    }

    private static string Text(JsonElement element, string name) =>
        element.TryGetProperty(name, out JsonElement value) && value.ValueKind == JsonValueKind.String ? value.GetString()! : "";
}
