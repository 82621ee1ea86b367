using System.Text;
using System.Text.Json;
using MicroVm.Engine.Errors;
using MicroVm.Engine.Guest.Agent;
using MicroVm.Engine.Tests.Support;

namespace MicroVm.Engine.Tests.Guest.Agent;

/// <summary>What a guest may write in place of answers: it is bounded and typed, whatever it is.</summary>
public sealed class AgentGarbageTests : IAsyncLifetime
{
    private const int Limit = 60_000;

    // What a client reads at most before it gives up to find the answer to its first question, and what it reads and the pipe holds beyond that.
    private const long MostAbandonedBytes = 64L << 20;
    private const long SlackBytes = 2L << 20;

    private readonly Scratch _scratch = new();
    private readonly FakeAgent _agent;

    public AgentGarbageTests() => _agent = new FakeAgent(_scratch);

    public static TheoryData<string> NoAnswers => new()
    {
        "this is no JSON",
        "",
        "[]",
        "5",
        "null",
        "\"text\"",
        "{}",
        "{\"event\": \"X\"}",
        "{\"error\": \"text\"}",
        "{\"error\": null}",
        "{\"return\": ",
        "{\"return\": 1}}",
        "{\"return\": 1} {\"return\": 2}",
        "{\"\\ud800\": 1}",
        new string('[', 10_000),
    };

    public static TheoryData<string> NoResults => new() { "5", "null", "[]", "\"text\"", "{}", "{\"exited\": true, \"exitcode\": \"x\"}", "{\"buf-b64\": 5}", "{\"pid\": \"x\"}", "[5]" };

    public Task InitializeAsync() => Task.CompletedTask;

    public async Task DisposeAsync()
    {
        await _agent.DisposeAsync();
        _scratch.Dispose();
    }

    [Fact(Timeout = Limit)]
    public async Task Endless_garbage_before_the_first_answer_ends_after_the_bound()
    {
        using CancellationTokenSource done = new();
        Task<long> flood = _agent.FloodAsync(Encoding.ASCII.GetBytes(string.Concat(Enumerable.Repeat("y\n", 16 << 10))), done.Token);

        MicroVmException error = await Assert.ThrowsAsync<MicroVmException>(() => OpenAsync());

        await done.CancelAsync();
        Assert.Equal(ErrorIds.GuestAgentError, error.ErrorId);
        Assert.InRange(await flood, MostAbandonedBytes, MostAbandonedBytes + SlackBytes);
    }

    [Fact(Timeout = Limit)]
    public async Task Endless_garbage_with_sentinels_ends_after_the_bound()
    {
        using CancellationTokenSource done = new();
        byte[] noise = new byte[64 << 10];
        new Random(1).NextBytes(noise);
        Task<long> flood = _agent.FloodAsync(noise, done.Token);

        MicroVmException error = await Assert.ThrowsAsync<MicroVmException>(() => OpenAsync());

        await done.CancelAsync();
        Assert.Equal(ErrorIds.GuestAgentError, error.ErrorId);
        Assert.InRange(await flood, 0, MostAbandonedBytes + SlackBytes);
    }

    [Fact(Timeout = Limit)]
    public async Task Endless_answers_to_other_syncs_end_after_the_bound()
    {
        using CancellationTokenSource done = new();
        byte[] others = [.. Enumerable.Repeat<byte[]>([0xFF, .. "{\"return\": -1}\n"u8], 4096).SelectMany(one => one)];
        Task<long> flood = _agent.FloodAsync(others, done.Token);

        MicroVmException error = await Assert.ThrowsAsync<MicroVmException>(() => OpenAsync());

        await done.CancelAsync();
        Assert.Equal(ErrorIds.GuestAgentError, error.ErrorId);
        Assert.InRange(await flood, 0, MostAbandonedBytes + SlackBytes);
    }

    [Fact(Timeout = Limit)]
    public async Task Noise_that_stops_is_skipped()
    {
        byte[] noise = new byte[48 << 10];
        new Random(2).NextBytes(noise);
        await _agent.SendAsync(noise);

        await using AgentConnection client = await _agent.ConnectAsync();

        await AssertAnswersAsync(client);
    }

    [Fact(Timeout = Limit)]
    public async Task A_first_answer_without_end_ends_after_the_bound()
    {
        using CancellationTokenSource done = new();
        Task<AgentConnection> opening = OpenAsync();
        await _agent.ReceiveSyncAsync();
        await _agent.SendAsync([0xFF]);
        Task<long> flood = _agent.FloodAsync(new byte[64 << 10], done.Token);

        MicroVmException error = await Assert.ThrowsAsync<MicroVmException>(() => opening);

        await done.CancelAsync();
        Assert.Equal(ErrorIds.GuestAgentError, error.ErrorId);
        Assert.InRange(await flood, 0, AgentRequest.ShortReplyBytes + SlackBytes);
    }

    [Fact(Timeout = Limit)]
    public async Task A_line_without_end_ends_after_the_bound_of_its_call()
    {
        await using AgentConnection client = await _agent.ConnectAsync();
        using CancellationTokenSource done = new();
        Task<byte[]> reading = client.ReadFileAsync(1, CancellationToken.None);
        await _agent.ReceiveAsync();
        Task<long> flood = _agent.FloodAsync(Encoding.ASCII.GetBytes(new string('x', 64 << 10)), done.Token);

        MicroVmException error = await Assert.ThrowsAsync<MicroVmException>(() => reading);

        await done.CancelAsync();
        Assert.Equal(ErrorIds.GuestAgentError, error.ErrorId);
        Assert.InRange(await flood, 0, (2 * AgentCalls.FileChunkBytes) + SlackBytes);
    }

    [Theory(Timeout = Limit)]
    [MemberData(nameof(NoAnswers))]
    public async Task What_is_no_answer_is_an_error(string line)
    {
        await using AgentConnection client = await _agent.ConnectAsync();
        Task<JsonElement> call = client.CallAsync(new AgentRequest("guest-ping"), CancellationToken.None);
        await _agent.ReceiveAsync();
        await _agent.SendAsync(line + "\n");

        Assert.Equal(ErrorIds.GuestAgentError, (await Assert.ThrowsAsync<MicroVmException>(() => call)).ErrorId);
    }

    [Theory(Timeout = Limit)]
    [InlineData("{\"error\": {}}")]
    [InlineData("{\"error\": {\"desc\": \"only words\"}}")]
    [InlineData("{\"error\": {\"class\": 5, \"desc\": 6}}")]
    public async Task An_error_without_class_is_a_refusal(string line)
    {
        await using AgentConnection client = await _agent.ConnectAsync();
        Task<JsonElement> call = client.CallAsync(new AgentRequest("guest-ping"), CancellationToken.None);
        await _agent.ReceiveAsync();
        await _agent.SendAsync(line + "\n");

        MicroVmException error = await Assert.ThrowsAsync<MicroVmException>(() => call);
        Assert.Equal(ErrorIds.GuestAgentError, error.ErrorId);
        Assert.Contains("'guest-ping'", error.Message, StringComparison.Ordinal);
        await AssertAnswersAsync(client);
    }

    [Fact(Timeout = Limit)]
    public async Task An_error_that_is_no_text_is_an_error()
    {
        await using AgentConnection client = await _agent.ConnectAsync();
        Task<JsonElement> call = client.CallAsync(new AgentRequest("guest-ping"), CancellationToken.None);
        await _agent.ReceiveAsync();
        await _agent.SendAsync([.. "{\"error\": {\"class\": \"x\", \"desc\": \""u8, 0xC3, 0x28, .. "\"}}\n"u8]);

        Assert.Equal(ErrorIds.GuestAgentError, (await Assert.ThrowsAsync<MicroVmException>(() => call)).ErrorId);
    }

    [Theory(Timeout = Limit)]
    [MemberData(nameof(NoResults))]
    public async Task A_result_of_another_form_is_an_error(string result)
    {
        (string What, Func<AgentConnection, Task> Ask)[] questions =
        [
            ("guest-exec", agent => agent.ExecuteAsync("true", [], default, CancellationToken.None)),
            ("guest-exec-status", agent => agent.ExecuteStatusAsync(1, CancellationToken.None)),
            ("guest-file-open", agent => agent.OpenFileAsync("/x", "r", CancellationToken.None)),
            ("guest-file-read", agent => agent.ReadFileAsync(1, CancellationToken.None)),
            ("guest-file-write", agent => agent.WriteFileAsync(1, "x"u8.ToArray(), CancellationToken.None)),
            ("guest-network-get-interfaces", agent => GuestCondition.Network.IsTrueAsync(agent, CancellationToken.None)),
        ];
        GuestAgent agent = new(_agent.Channel, _scratch.Path, "web");
        foreach ((string what, Func<AgentConnection, Task> ask) in questions)
        {
            if ((what, result) is ("guest-file-open", "5") or ("guest-network-get-interfaces", "[]") or ("guest-exec-status", "{\"exited\": true, \"exitcode\": \"x\"}"))
            {
                // It may be one: a number, no interface, an exit code that is not told.
                continue;
            }

            Task<bool> asking = agent.UseAsync(
                async connection =>
                {
                    await ask(connection);
                    return true;
                },
                CancellationToken.None);
            await _agent.SyncAsync();
            Assert.Equal(what, (await _agent.ReceiveAsync()).Command);
            await _agent.AnswerAsync(result);

            MicroVmException error = await Assert.ThrowsAsync<MicroVmException>(() => asking);
            Assert.Equal(ErrorIds.GuestAgentError, error.ErrorId);
        }
    }

    [Fact(Timeout = Limit)]
    public async Task A_status_with_values_of_another_form_does_without_them()
    {
        await using AgentConnection client = await _agent.ConnectAsync();
        Task<AgentExecStatus> asking = client.ExecuteStatusAsync(1, CancellationToken.None);
        await _agent.ReceiveAsync();
        await _agent.AnswerAsync("{\"exited\": true, \"exitcode\": \"x\", \"signal\": 1e99, \"out-data\": 5, \"err-data\": \"***\"}");

        AgentExecStatus status = await asking;

        Assert.Equal((true, null, null), (status.HasExited, status.ExitCode, status.Signal));
        Assert.Empty(status.Output);
        Assert.Empty(status.Errors);
    }

    private Task<AgentConnection> OpenAsync() => AgentConnection.OpenAsync(_agent.Channel, "web", Limits.Generous, CancellationToken.None);

    private async Task AssertAnswersAsync(AgentConnection client)
    {
        Task ping = client.PingAsync(CancellationToken.None);
        Assert.Equal("guest-ping", (await _agent.ReceiveAsync()).Command);
        await _agent.AnswerAsync();
        await ping;
    }
}
