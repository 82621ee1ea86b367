using System.Net.Sockets;
using System.Text.Json;
using Microsoft.Win32.SafeHandles;
using MicroVm.Engine.Errors;
using MicroVm.Engine.Tests.Support;
using MicroVm.Engine.Vmm;
using MicroVm.Engine.Vmm.Qemu;

namespace MicroVm.Engine.Tests.Vmm;

public sealed class QemuApiTests : IDisposable
{
    private const int Limit = 30_000;

    private readonly Scratch _scratch = new();
    private readonly FakeQmpServer _server;

    public QemuApiTests() => _server = new FakeQmpServer(_scratch.File("qmp"));

    public void Dispose()
    {
        _server.Dispose();
        _scratch.Dispose();
    }

    [Fact(Timeout = Limit)]
    public async Task Connecting_reads_the_version_and_negotiates()
    {
        await using QemuApi api = await ConnectAsync();

        Assert.Equal("9.2.1", api.Version);
    }

    [Fact(Timeout = Limit)]
    public async Task Arguments_and_result_pass()
    {
        await using QemuApi api = await ConnectAsync();

        Task<QmpMessage> call = CallAsync(api, "qom-get", writer => writer.WriteString("path", "/machine, \"quoted\"\n"));
        FakeQmpServer.Command command = await _server.ReceiveAsync();
        await _server.AnswerAsync(command.Id, "[1, \"two\"]");

        Assert.Equal("/machine, \"quoted\"\n", command.Arguments!.Value.GetProperty("path").GetString());
        Assert.Equal("two", (await call).Return[1].GetString());
    }

    [Fact(Timeout = Limit)]
    public async Task Answers_out_of_order_find_their_commands()
    {
        await using QemuApi api = await ConnectAsync();

        Task<QmpMessage>[] calls = [.. Enumerable.Range(0, 20).Select(i => CallAsync(api, $"command-{i}"))];
        List<FakeQmpServer.Command> commands = [];
        foreach (Task<QmpMessage> _ in calls)
        {
            commands.Add(await _server.ReceiveAsync());
        }

        commands.Reverse();
        foreach (FakeQmpServer.Command command in commands)
        {
            await _server.AnswerAsync(command.Id, $"\"{command.Name}\"");
        }

        for (int i = 0; i < calls.Length; i++)
        {
            Assert.Equal($"command-{i}", (await calls[i]).Return.GetString());
        }
    }

    [Fact(Timeout = Limit)]
    public async Task Events_between_answers_arrive_in_order()
    {
        await using QemuApi api = await ConnectAsync();

        Task<QmpMessage> call = CallAsync(api, "stop");
        FakeQmpServer.Command command = await _server.ReceiveAsync();
        await _server.SendAsync(
            """{"event": "STOP", "timestamp": {}}""" + "\r\n" +
            $$"""{"return": {}, "id": {{command.Id}}}""" + "\r\n" +
            """{"event": "RESUME", "timestamp": {}}""" + "\r\n");
        await call;

        Assert.Equal("STOP", (await api.Events.ReadAsync()).Event);
        Assert.Equal("RESUME", (await api.Events.ReadAsync()).Event);
    }

    [Fact(Timeout = Limit)]
    public async Task Messages_in_single_bytes_are_put_together()
    {
        Task<QemuApi> connecting = StartConnecting();
        await _server.AcceptAsync();
        await _server.DribbleAsync(FakeQmpServer.Greeting);
        FakeQmpServer.Command command = await _server.ReceiveAsync();
        await _server.DribbleAsync($$"""{"return": {}, "id": {{command.Id}}}""" + "\r\n");

        await using QemuApi api = await connecting;
        Assert.Equal("9.2.1", api.Version);
    }

    [Fact(Timeout = Limit)]
    public async Task Answer_longer_than_the_first_buffer_passes()
    {
        await using QemuApi api = await ConnectAsync();
        string text = new('x', 300_000);

        Task<QmpMessage> call = CallAsync(api, "big");
        await _server.AnswerAsync((await _server.ReceiveAsync()).Id, $"\"{text}\"");

        Assert.Equal(text, (await call).Return.GetString());
    }

    [Fact(Timeout = Limit)]
    public async Task Answer_without_end_breaks_off()
    {
        await using QemuApi api = await ConnectAsync();

        Task<QmpMessage> call = CallAsync(api, "endless");
        await _server.ReceiveAsync();
        Task flood = FloodAsync();

        await Assert.ThrowsAsync<VmmConnectionException>(() => call);
        await api.DisposeAsync();
        await flood;
    }

    [Fact(Timeout = Limit)]
    public async Task Refusal_is_a_typed_error_with_qemus_words()
    {
        await using QemuApi api = await ConnectAsync();

        Task<QmpMessage> call = CallAsync(api, "device_del");
        FakeQmpServer.Command command = await _server.ReceiveAsync();
        await _server.SendAsync($$$"""{"id": {{{command.Id}}}, "error": {"class": "DeviceNotFound", "desc": "Device 'x' not found"}}""" + "\n");

        MicroVmException error = await Assert.ThrowsAsync<MicroVmException>(() => call);
        Assert.Equal(ErrorIds.HypervisorApiError, error.ErrorId);
        Assert.Contains("Device 'x' not found", error.Message, StringComparison.Ordinal);
    }

    [Fact(Timeout = Limit)]
    public async Task Silence_is_a_timeout_and_the_connection_goes_on()
    {
        await using QemuApi api = await ConnectAsync();

        MicroVmException error = await Assert.ThrowsAsync<MicroVmException>(
            () => api.CallAsync("query-status", null, TimeSpan.FromMilliseconds(50), CancellationToken.None));
        Assert.Equal(ErrorIds.MicroVmTimeout, error.ErrorId);
        Assert.Contains("query-status", error.Message, StringComparison.Ordinal);

        // The late answer is nobody's, and harms nobody.
        FakeQmpServer.Command late = await _server.ReceiveAsync();
        Task<QmpMessage> call = CallAsync(api, "next");
        FakeQmpServer.Command next = await _server.ReceiveAsync();
        await _server.AnswerAsync(late.Id, "\"late\"");
        await _server.AnswerAsync(next.Id, "\"right\"");
        Assert.Equal("right", (await call).Return.GetString());
    }

    [Fact(Timeout = Limit)]
    public async Task No_greeting_is_a_timeout()
    {
        MicroVmException error = await Assert.ThrowsAsync<MicroVmException>(
            () => QemuApi.ConnectAsync(_server.Path, TimeSpan.FromMilliseconds(50), CancellationToken.None));

        Assert.Equal(ErrorIds.MicroVmTimeout, error.ErrorId);
    }

    [Fact(Timeout = Limit)]
    public async Task Waiting_for_the_greeting_can_be_cancelled()
    {
        using CancellationTokenSource source = new();
        Task<QemuApi> connecting = QemuApi.ConnectAsync(_server.Path, Limits.Generous, source.Token);
        await _server.AcceptAsync();

        await source.CancelAsync();

        await Assert.ThrowsAnyAsync<OperationCanceledException>(() => connecting);
    }

    [Fact(Timeout = Limit)]
    public async Task Waiting_for_an_answer_can_be_cancelled()
    {
        await using QemuApi api = await ConnectAsync();
        using CancellationTokenSource source = new();
        Task<QmpMessage> call = api.CallAsync("stop", null, Limits.Generous, source.Token);
        await _server.ReceiveAsync();

        await source.CancelAsync();

        await Assert.ThrowsAnyAsync<OperationCanceledException>(() => call);
    }

    [Fact(Timeout = Limit)]
    public async Task Hanging_up_in_the_middle_of_an_answer_fails_every_call_and_the_events()
    {
        await using QemuApi api = await ConnectAsync();
        Task<QmpMessage> first = CallAsync(api, "a");
        Task<QmpMessage> second = CallAsync(api, "b");
        await _server.ReceiveAsync();
        await _server.ReceiveAsync();

        await _server.SendAsync("{\"return\": {\"half");
        _server.HangUp();

        await Assert.ThrowsAsync<VmmConnectionException>(() => first);
        await Assert.ThrowsAsync<VmmConnectionException>(() => second);
        await Assert.ThrowsAsync<VmmConnectionException>(() => api.Events.Completion);
        await Assert.ThrowsAsync<VmmConnectionException>(() => CallAsync(api, "c"));
    }

    [Fact(Timeout = Limit)]
    public async Task Hanging_up_instead_of_greeting_is_a_connection_error()
    {
        Task<QemuApi> connecting = StartConnecting();
        await _server.AcceptAsync();
        _server.HangUp();

        await Assert.ThrowsAsync<VmmConnectionException>(() => connecting);
    }

    [Theory(Timeout = Limit)]
    [InlineData("nonsense\n")]
    [InlineData("\n")]
    [InlineData("{\"return\": {}, \"id\": \"1\"}\n")]
    [InlineData("\0\0\0\n")]
    public async Task Nonsense_ends_the_conversation(string nonsense)
    {
        await using QemuApi api = await ConnectAsync();
        Task<QmpMessage> call = CallAsync(api, "stop");
        await _server.ReceiveAsync();

        await _server.SendAsync(nonsense);

        VmmConnectionException error = await Assert.ThrowsAsync<VmmConnectionException>(() => call);
        Assert.IsType<FormatException>(error.InnerException);
    }

    [Fact(Timeout = Limit)]
    public async Task Answers_to_unknown_numbers_are_ignored()
    {
        await using QemuApi api = await ConnectAsync();
        Task<QmpMessage> call = CallAsync(api, "stop");
        FakeQmpServer.Command command = await _server.ReceiveAsync();

        await _server.AnswerAsync(987654);
        await _server.AnswerAsync(command.Id);
        await _server.AnswerAsync(command.Id);
        await call;

        Task<QmpMessage> next = CallAsync(api, "cont");
        await _server.AnswerAsync((await _server.ReceiveAsync()).Id);
        await next;
    }

    [Fact(Timeout = Limit)]
    public async Task Nobody_listening_is_a_connection_error() =>
        await Assert.ThrowsAsync<VmmConnectionException>(() => QemuApi.ConnectAsync(_scratch.File("none"), Limits.Generous, CancellationToken.None));

    [Fact(Timeout = Limit)]
    public async Task File_goes_with_its_command()
    {
        await using QemuApi api = await ConnectAsync();
        using SafeFileHandle file = File.OpenHandle(_scratch.File("file"), FileMode.CreateNew, FileAccess.ReadWrite);

        Task<QmpMessage> call = api.CallAsync("add-fd", null, Limits.Generous, CancellationToken.None, file);
        FakeQmpServer.Command command = await _server.ReceiveAsync();
        await _server.AnswerAsync(command.Id, """{"fdset-id": 3, "fd": 7}""");

        Assert.Equal("add-fd", command.Name);
        Assert.Equal(3, (await call).Return.GetProperty("fdset-id").GetInt32());
        Assert.False(file.IsClosed);
    }

    [Fact(Timeout = Limit)]
    public async Task Disposing_ends_pending_calls()
    {
        QemuApi api = await ConnectAsync();
        Task<QmpMessage> call = CallAsync(api, "stop");
        await _server.ReceiveAsync();

        await api.DisposeAsync();

        await Assert.ThrowsAsync<VmmConnectionException>(() => call);
        await Assert.ThrowsAsync<VmmConnectionException>(() => CallAsync(api, "cont"));
    }

    private Task<QemuApi> StartConnecting() => QemuApi.ConnectAsync(_server.Path, Limits.Generous, CancellationToken.None);

    private async Task<QemuApi> ConnectAsync()
    {
        Task<QemuApi> connecting = StartConnecting();
        await _server.WelcomeAsync();
        return await connecting;
    }

    private async Task FloodAsync()
    {
        string chunk = new('y', 1 << 16);
        try
        {
            await _server.SendAsync("{\"return\": \"");
            while (true)
            {
                await _server.SendAsync(chunk);
            }
        }
        catch (SocketException)
        {
            // The client has had enough.
        }
    }

    private static Task<QmpMessage> CallAsync(QemuApi api, string command, Action<Utf8JsonWriter>? arguments = null) =>
        api.CallAsync(command, arguments, Limits.Generous, CancellationToken.None);
}
