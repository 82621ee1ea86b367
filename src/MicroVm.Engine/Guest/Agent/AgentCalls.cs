using System.Text.Json;
using MicroVm.Engine.Errors;

namespace MicroVm.Engine.Guest.Agent;

/// <summary>The agent's commands that the engine uses (QEMU Guest Agent Protocol Reference), with types.</summary>
internal static class AgentCalls
{
    /// <summary>The bytes of a file that one call carries. More makes the agent no faster, and others wait longer for their turn.</summary>
    public const int FileChunkBytes = 256 << 10;

    // An agent answers in less than a millisecond; the rest is for a guest that stands still while its snapshot is taken, and for busy hosts.
    private static readonly TimeSpan s_limit = TimeSpan.FromSeconds(30);

    /// <summary>Whether the agent answers.</summary>
    public static Task PingAsync(this AgentConnection agent, CancellationToken cancellationToken) =>
        agent.CallAsync(new AgentRequest("guest-ping"), s_limit, cancellationToken);

    /// <summary>Makes one call with the usual limit.</summary>
    public static Task<JsonElement> CallAsync(this AgentConnection agent, AgentRequest request, CancellationToken cancellationToken) =>
        agent.CallAsync(request, s_limit, cancellationToken);

    /// <summary>Makes several calls in one round trip, with the usual limit.</summary>
    public static Task<JsonElement[]> CallAllAsync(this AgentConnection agent, CancellationToken cancellationToken, params AgentRequest[] requests) =>
        agent.CallAllAsync(requests, s_limit, cancellationToken);

    /// <summary>Starts a program and gives its process id in the guest.</summary>
    /// <param name="agent">The agent.</param>
    /// <param name="path">The program, which the agent looks for in its PATH.</param>
    /// <param name="arguments">What follows its name.</param>
    /// <param name="input">Its standard input; empty for none.</param>
    /// <param name="cancellationToken">Ends the wait.</param>
    public static async Task<long> ExecuteAsync(
        this AgentConnection agent, string path, IReadOnlyList<string> arguments, ReadOnlyMemory<byte> input, CancellationToken cancellationToken)
    {
        JsonElement started = await agent.CallAsync(
            new AgentRequest(
                "guest-exec",
                writer =>
                {
                    writer.WriteString("path", path);
                    writer.WriteStartArray("arg");
                    foreach (string argument in arguments)
                    {
                        writer.WriteStringValue(argument);
                    }

                    writer.WriteEndArray();
                    if (!input.IsEmpty)
                    {
                        writer.WriteBase64String("input-data", input.Span);
                    }

                    writer.WriteBoolean("capture-output", true);
                }),
            cancellationToken);
        return Number(started, "pid");
    }

    /// <summary>What became of a program; its end is told once.</summary>
    public static async Task<AgentExecStatus> ExecuteStatusAsync(this AgentConnection agent, long processId, CancellationToken cancellationToken) =>
        // Two streams of at most 16 MiB each.
        AgentExecStatus.From(await agent.CallAsync(
            new AgentRequest("guest-exec-status", writer => writer.WriteNumber("pid", processId), 48 << 20), cancellationToken));

    /// <summary>Opens a file as fopen(3) does and gives its handle.</summary>
    public static async Task<long> OpenFileAsync(this AgentConnection agent, string path, string mode, CancellationToken cancellationToken) =>
        Number(await agent.CallAsync(OpenFile(path, mode), cancellationToken));

    /// <summary>As <see cref="OpenFileAsync"/>, but null when there is no such file, or no such directory.</summary>
    public static async Task<long?> TryOpenFileAsync(this AgentConnection agent, string path, string mode, CancellationToken cancellationToken)
    {
        try
        {
            return await agent.OpenFileAsync(path, mode, cancellationToken);
        }
        catch (MicroVmException exception) when (AgentFailure.IsNoSuchFile(exception))
        {
            return null;
        }
    }

    /// <summary>The call that <see cref="OpenFileAsync"/> makes.</summary>
    public static AgentRequest OpenFile(string path, string mode) => new(
        "guest-file-open",
        writer =>
        {
            writer.WriteString("path", path);
            writer.WriteString("mode", mode);
        });

    /// <summary>Reads on in a file; less than asked for at its present end, and again more once it has grown.</summary>
    public static async Task<byte[]> ReadFileAsync(this AgentConnection agent, long handle, CancellationToken cancellationToken) =>
        FileContent(await agent.CallAsync(ReadFile(handle), cancellationToken));

    /// <summary>The call that <see cref="ReadFileAsync"/> makes.</summary>
    public static AgentRequest ReadFile(long handle, int count = FileChunkBytes) => new(
        "guest-file-read",
        writer =>
        {
            writer.WriteNumber("handle", handle);
            writer.WriteNumber("count", count);
        },
        (count * 2) + 1024);

    /// <summary>The bytes in an answer to <see cref="ReadFile"/>.</summary>
    public static byte[] FileContent(JsonElement answer) =>
        answer.ValueKind == JsonValueKind.Object && answer.TryGetProperty("buf-b64", out JsonElement content) && content.ValueKind == JsonValueKind.String && content.TryGetBytesFromBase64(out byte[]? bytes)
            ? bytes
            : throw new FormatException("The agent's answer has no content.");

    /// <summary>Writes on in a file, all of it.</summary>
    public static async Task WriteFileAsync(this AgentConnection agent, long handle, ReadOnlyMemory<byte> content, CancellationToken cancellationToken)
    {
        JsonElement answer = await agent.CallAsync(WriteFile(handle, content), cancellationToken);
        if (Number(answer, "count") != content.Length)
        {
            throw new MicroVmException(ErrorIds.GuestAgentError, ErrorKind.Protocol, "The agent wrote less than it was given: the guest's disk may be full.");
        }
    }

    /// <summary>The call that <see cref="WriteFileAsync"/> makes.</summary>
    public static AgentRequest WriteFile(long handle, ReadOnlyMemory<byte> content) => new(
        "guest-file-write",
        writer =>
        {
            writer.WriteNumber("handle", handle);
            writer.WriteBase64String("buf-b64", content.Span);
        });

    /// <summary>The call that moves the place in a file, from its beginning or, if <paramref name="fromEnd"/>, from its end.</summary>
    public static AgentRequest SeekFile(long handle, long offset, bool fromEnd = false) => new(
        "guest-file-seek",
        writer =>
        {
            writer.WriteNumber("handle", handle);
            writer.WriteNumber("offset", offset);
            writer.WriteNumber("whence", fromEnd ? 2 : 0);
        });

    /// <summary>Closes a file.</summary>
    public static Task CloseFileAsync(this AgentConnection agent, long handle, CancellationToken cancellationToken) =>
        agent.CallAsync(CloseFile(handle), cancellationToken);

    /// <summary>The call that <see cref="CloseFileAsync"/> makes.</summary>
    public static AgentRequest CloseFile(long handle) => new("guest-file-close", writer => writer.WriteNumber("handle", handle));

    /// <summary>A number that a call returned by itself, such as a file's handle.</summary>
    public static long Number(JsonElement answer) =>
        answer.ValueKind == JsonValueKind.Number && answer.TryGetInt64(out long value) ? value : throw new FormatException("The agent's answer is no number.");

    /// <summary>A number in what a call returned.</summary>
    public static long Number(JsonElement answer, string name) =>
        answer.ValueKind == JsonValueKind.Object && answer.TryGetProperty(name, out JsonElement value)
            ? Number(value)
            : throw new FormatException($"The agent's answer lacks '{name}'.");
}
