using System.Net.Sockets;
using System.Text;
using System.Text.Json;

namespace MicroVm.Engine.Tests.Vmm;

/// <summary>
/// A QEMU that does what a test tells it. It is strict: a command before the capabilities, one that is no JSON object or has other members than the
/// protocol's is a failure of the test.
/// </summary>
internal sealed class FakeQmpServer : IDisposable
{
    public const string Greeting = """{"QMP": {"version": {"qemu": {"micro": 1, "minor": 2, "major": 9}, "package": ""}, "capabilities": []}}""" + "\r\n";

    private readonly Socket _listener = new(AddressFamily.Unix, SocketType.Stream, ProtocolType.Unspecified);
    private readonly List<byte> _received = [];
    private Socket? _client;

    public FakeQmpServer(string path)
    {
        Path = path;
        _listener.Bind(new UnixDomainSocketEndPoint(path));
        _listener.Listen();
    }

    public string Path { get; }

    /// <summary>A command as it came.</summary>
    public sealed record Command(string Name, long Id, JsonElement? Arguments);

    /// <summary>Takes the next client.</summary>
    public async Task AcceptAsync() => _client = await _listener.AcceptAsync();

    /// <summary>Takes the next client and brings it to the point where it may send commands.</summary>
    public async Task WelcomeAsync(string greeting = Greeting)
    {
        await AcceptAsync();
        await SendAsync(greeting);
        Command first = await ReceiveAsync();
        Assert.Equal("qmp_capabilities", first.Name);
        await AnswerAsync(first.Id);
    }

    public async Task SendAsync(string text) => await _client!.SendAsync(Encoding.UTF8.GetBytes(text));

    /// <summary>Sends each byte in a packet of its own.</summary>
    public async Task DribbleAsync(string text)
    {
        foreach (byte value in Encoding.UTF8.GetBytes(text))
        {
            await _client!.SendAsync(new[] { value });
        }
    }

    public Task AnswerAsync(long id, string value = "{}") => SendAsync($$"""{"return": {{value}}, "id": {{id}}}""" + "\r\n");

    /// <summary>The next command.</summary>
    public async Task<Command> ReceiveAsync()
    {
        byte[] buffer = new byte[4096];
        while (true)
        {
            if (TryTake() is { } command)
            {
                return command;
            }

            int read = await _client!.ReceiveAsync(buffer);
            Assert.True(read > 0, "The client hung up.");
            _received.AddRange(buffer.AsSpan(0, read));
        }
    }

    public void HangUp() => _client!.Dispose();

    public void Dispose()
    {
        _client?.Dispose();
        _listener.Dispose();
    }

    // Commands need no separator: each is one JSON object.
    private Command? TryTake()
    {
        Utf8JsonReader reader = new(_received.ToArray(), isFinalBlock: false, default);
        if (_received.Count == 0 || !JsonDocument.TryParseValue(ref reader, out JsonDocument? document))
        {
            return null;
        }

        _received.RemoveRange(0, (int)reader.BytesConsumed);
        JsonElement root = document!.RootElement;
        Assert.All(root.EnumerateObject(), member => Assert.Contains(member.Name, (string[])["execute", "id", "arguments"]));
        return new Command(
            root.GetProperty("execute").GetString()!,
            root.GetProperty("id").GetInt64(),
            root.TryGetProperty("arguments", out JsonElement arguments) ? arguments : null);
    }
}
