using System.Text;
using System.Text.Json;
using Microsoft.Win32.SafeHandles;
using MicroVm.Engine.Guest.Agent;
using MicroVm.Engine.Native;
using MicroVm.Engine.Tests.Support;

namespace MicroVm.Engine.Tests.Guest.Agent;

/// <summary>
/// An agent that does what a test tells it, behind a VMM's two pipes. It is at least as strict as qemu-ga: a client that does not begin with the byte 0xFF and
/// <c>guest-sync-delimited</c>, sends anything but one JSON object a line or other members than the protocol's fails the test. At 0xFF it forgets what came
/// before on that line.
/// </summary>
internal sealed class FakeAgent : IAsyncDisposable
{
    private const byte Sentinel = 0xFF;

    private readonly string _path;
    private readonly SafeFileHandle[] _keepers;
    private readonly FifoStream _stream;
    private readonly List<byte> _received = [];
    private bool _isReset;

    public FakeAgent(Scratch scratch)
    {
        _path = scratch.File("agent");
        Fifo.Create(_path + ".in");
        Fifo.Create(_path + ".out");
        // As the VMM: it has both ends of both open.
        _keepers = [Descriptors.OpenUnlocked(_path + ".in"), Descriptors.OpenUnlocked(_path + ".out")];
        _stream = new FifoStream(_path + ".out", _path + ".in");
    }

    /// <summary>The way to this agent.</summary>
    public IGuestChannel Channel => new VirtioSerialChannel(_path);

    /// <summary>A call as it came.</summary>
    public sealed record Call(string Command, JsonElement? Arguments);

    /// <summary>A client that has just connected.</summary>
    public async Task<AgentConnection> ConnectAsync(CancellationToken cancellationToken = default)
    {
        Task<AgentConnection> opening = AgentConnection.OpenAsync(Channel, "web", Limits.Generous, cancellationToken);
        await SyncAsync(opening);
        return await opening;
    }

    /// <summary>Takes the first call of a client and answers it.</summary>
    public async Task SyncAsync() => await SendAsync([Sentinel, .. Encoding.UTF8.GetBytes($$"""{"return": {{await ReceiveSyncAsync()}}}""" + "\n")]);

    /// <summary>Answers the first call of a client, and again if this takes so long that it asks once more.</summary>
    public async Task SyncAsync(Task opening)
    {
        using CancellationTokenSource done = new();
        Task answering = AnswerAllAsync();
        await opening;
        await done.CancelAsync();
        await answering;

        async Task AnswerAllAsync()
        {
            try
            {
                while (true)
                {
                    int id = await ReceiveSyncAsync(done.Token);
                    await SendAsync([Sentinel, .. Encoding.UTF8.GetBytes($$"""{"return": {{id}}}""" + "\n")]);
                }
            }
            catch (OperationCanceledException)
            {
                // The client is satisfied.
            }
        }
    }

    /// <summary>Takes the first call of a client and gives its id.</summary>
    public async Task<int> ReceiveSyncAsync(CancellationToken cancellationToken = default)
    {
        Call call = await ReceiveAsync(cancellationToken);
        Assert.Equal("guest-sync-delimited", call.Command);
        Assert.True(_isReset, "The client did not begin with 0xFF.");
        _isReset = false;
        return call.Arguments!.Value.GetProperty("id").GetInt32();
    }

    public async Task SendAsync(byte[] bytes) => await _stream.WriteAsync(bytes);

    public Task SendAsync(string text) => SendAsync(Encoding.UTF8.GetBytes(text));

    public Task AnswerAsync(string value = "{}") => SendAsync($$"""{"return": {{value}}}""" + "\n");

    public Task RefuseAsync(string errorClass, string description) =>
        SendAsync($$$"""{"error": {"class": "{{{errorClass}}}", "desc": "{{{description}}}"}}""" + "\n");

    /// <summary>Takes the next call.</summary>
    public async Task<Call> ReceiveAsync(CancellationToken cancellationToken = default)
    {
        byte[] buffer = new byte[64 << 10];
        while (true)
        {
            int end = _received.FindIndex(value => value is Sentinel or (byte)'\n');
            if (end >= 0 && _received[end] == Sentinel)
            {
                _received.RemoveRange(0, end + 1);
                _isReset = true;
                continue;
            }

            if (end >= 0)
            {
                byte[] line = [.. _received[..end]];
                _received.RemoveRange(0, end + 1);
                return Parse(line);
            }

            int read = await _stream.ReadAsync(buffer, cancellationToken);
            Assert.True(read > 0, "The client hung up.");
            _received.AddRange(buffer.AsSpan(0, read));
        }
    }

    /// <summary>Sends without end, until nobody can listen any more.</summary>
    /// <returns>How much was sent.</returns>
    public async Task<long> FloodAsync(byte[] piece, CancellationToken cancellationToken)
    {
        long sent = 0;
        try
        {
            while (true)
            {
                await _stream.WriteAsync(piece, cancellationToken);
                sent += piece.Length;
            }
        }
        catch (OperationCanceledException)
        {
            return sent;
        }
    }

    /// <summary>The VMM ends.</summary>
    public void Close()
    {
        _stream.Dispose();
        foreach (SafeFileHandle keeper in _keepers)
        {
            keeper.Dispose();
        }
    }

    public ValueTask DisposeAsync()
    {
        Close();
        return ValueTask.CompletedTask;
    }

    private static Call Parse(byte[] line)
    {
        using JsonDocument document = JsonDocument.Parse(line);
        JsonElement root = document.RootElement.Clone();
        Assert.All(root.EnumerateObject(), member => Assert.Contains(member.Name, (string[])["execute", "arguments"]));
        return new Call(root.GetProperty("execute").GetString()!, root.TryGetProperty("arguments", out JsonElement arguments) ? arguments : null);
    }
}
