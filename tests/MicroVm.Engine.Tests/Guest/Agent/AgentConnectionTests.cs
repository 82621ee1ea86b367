using System.Text;
using System.Text.Json;
using MicroVm.Engine.Errors;
using MicroVm.Engine.Guest.Agent;
using MicroVm.Engine.Native;
using MicroVm.Engine.Tests.Support;

namespace MicroVm.Engine.Tests.Guest.Agent;

/// <summary>The conversation with an agent that keeps to its protocol.</summary>
public sealed class AgentConnectionTests : IAsyncLifetime
{
    private const int Limit = 60_000;

    private static readonly TimeSpan s_soon = TimeSpan.FromMilliseconds(200);

    private readonly Scratch _scratch = new();
    private readonly FakeAgent _agent;

    public AgentConnectionTests() => _agent = new FakeAgent(_scratch);

    public Task InitializeAsync() => Task.CompletedTask;

    public async Task DisposeAsync()
    {
        await _agent.DisposeAsync();
        _scratch.Dispose();
    }

    [Fact(Timeout = Limit)]
    public async Task A_call_and_its_answer_pass()
    {
        await using AgentConnection client = await _agent.ConnectAsync();

        Task<long> opening = client.OpenFileAsync("/a \"b\"\nü", "a+", CancellationToken.None);
        FakeAgent.Call call = await _agent.ReceiveAsync();
        await _agent.AnswerAsync("1003");

        Assert.Equal("guest-file-open", call.Command);
        Assert.Equal("/a \"b\"\nü", call.Arguments!.Value.GetProperty("path").GetString());
        Assert.Equal(1003, await opening);
    }

    [Theory(Timeout = Limit)]
    [InlineData("{\"return\": {}}\n")]
    [InlineData("{\"return\": {}}\n{\"return\": 7}\n{\"error\": {\"class\": \"GenericError\", \"desc\": \"late\"}}\n")]
    // The rest of an answer whose beginning a client has read before it was killed.
    [InlineData("AAAA\"}}\n")]
    // What an agent says of half a request.
    [InlineData("{\"error\": {\"class\": \"GenericError\", \"desc\": \"JSON parse error, stray '\\\"gues\\uFFFD'\"}}\n")]
    [InlineData("")]
    public async Task What_an_earlier_client_left_unread_is_skipped(string left)
    {
        await _agent.SendAsync(left);

        await using AgentConnection client = await _agent.ConnectAsync();

        await AssertAnswersAsync(client);
    }

    [Fact(Timeout = Limit)]
    public async Task More_than_a_pipe_holds_that_was_left_unread_is_skipped()
    {
        Task sending = _agent.SendAsync($"{{\"return\": {{\"buf-b64\": \"{new string('A', 40 << 20)}\"}}}}\n");

        Task<AgentConnection> opening = AgentConnection.OpenAsync(_agent.Channel, "web", Limits.Generous, CancellationToken.None);
        await sending;
        await _agent.SyncAsync(opening);

        await using AgentConnection client = await opening;
        await AssertAnswersAsync(client);
    }

    [Fact(Timeout = Limit)]
    public async Task Half_a_request_of_a_client_that_was_killed_is_forgotten()
    {
        await using (FifoStream killed = new(_scratch.File("agent.in"), _scratch.File("agent.out")))
        {
            await killed.WriteAsync("{\"execute\":\"guest-sh"u8.ToArray());
        }

        await using AgentConnection client = await _agent.ConnectAsync();

        await AssertAnswersAsync(client);
    }

    [Fact(Timeout = Limit)]
    public async Task The_answer_to_an_earlier_sync_is_not_taken_for_its_own()
    {
        await _agent.SendAsync([0xFF, .. "{\"return\": 12345}\n"u8]);
        Task<AgentConnection> opening = AgentConnection.OpenAsync(_agent.Channel, "web", Limits.Generous, CancellationToken.None);
        int id = await _agent.ReceiveSyncAsync();
        await _agent.SendAsync([0xFF, .. Encoding.ASCII.GetBytes($"{{\"return\": {(id == 0 ? 1 : id - 1)}}}\n")]);
        Assert.False(opening.IsCompleted);
        await _agent.SendAsync([0xFF, .. Encoding.ASCII.GetBytes($"{{\"return\": {id}}}\n")]);

        await using AgentConnection client = await opening;
        await AssertAnswersAsync(client);
    }

    [Fact(Timeout = Limit)]
    public async Task Clients_that_gave_up_leave_a_channel_that_works()
    {
        for (int i = 0; i < 5; i++)
        {
            await Assert.ThrowsAsync<MicroVmException>(() => AgentConnection.OpenAsync(_agent.Channel, "web", TimeSpan.FromMilliseconds(10), CancellationToken.None));
        }

        // An agent that has started at last: it answers all of them.
        Task<AgentConnection> opening = AgentConnection.OpenAsync(_agent.Channel, "web", Limits.Generous, CancellationToken.None);
        for (int i = 0; i < 6; i++)
        {
            Assert.False(opening.IsCompleted);
            await _agent.SyncAsync();
        }

        await using AgentConnection client = await opening;
        await AssertAnswersAsync(client);
    }

    [Fact(Timeout = Limit)]
    public async Task An_agent_that_was_started_again_and_knows_nothing_of_the_first_question_is_asked_again()
    {
        Task<AgentConnection> opening = AgentConnection.OpenAsync(_agent.Channel, "web", Limits.Generous, CancellationToken.None);
        int lost = await _agent.ReceiveSyncAsync();
        int id = await _agent.ReceiveSyncAsync();
        // The answer to the first comes after all.
        await _agent.SendAsync([0xFF, .. Encoding.ASCII.GetBytes($"{{\"return\": {lost}}}\n")]);
        Assert.False(opening.IsCompleted);
        await _agent.SendAsync([0xFF, .. Encoding.ASCII.GetBytes($"{{\"return\": {id}}}\n")]);

        await using AgentConnection client = await opening;
        await AssertAnswersAsync(client);
    }

    [Fact(Timeout = Limit)]
    public async Task A_blocked_command_is_told_with_advice()
    {
        await using AgentConnection client = await _agent.ConnectAsync();

        Task<long> call = client.ExecuteAsync("true", [], default, CancellationToken.None);
        await _agent.ReceiveAsync();
        await _agent.RefuseAsync("CommandNotFound", "Command guest-exec has been disabled");

        MicroVmException error = await Assert.ThrowsAsync<MicroVmException>(() => call);
        Assert.Equal(ErrorIds.GuestAgentCommandBlocked, error.ErrorId);
        Assert.Contains("'guest-exec'", error.Message, StringComparison.Ordinal);
        Assert.Contains("'guest-exec'", error.RecommendedAction, StringComparison.Ordinal);
        Assert.Contains("qemu-ga.conf", error.RecommendedAction, StringComparison.Ordinal);
        Assert.Equal("web", error.Target);
        await AssertAnswersAsync(client);
    }

    [Fact(Timeout = Limit)]
    public async Task A_refusal_has_the_agents_own_words()
    {
        await using AgentConnection client = await _agent.ConnectAsync();

        Task<long> call = client.OpenFileAsync("/x", "r", CancellationToken.None);
        await _agent.ReceiveAsync();
        await _agent.RefuseAsync("GenericError", "failed to open file '/x' (mode: 'r'): Permission denied");

        MicroVmException error = await Assert.ThrowsAsync<MicroVmException>(() => call);
        Assert.Equal(ErrorIds.GuestAgentError, error.ErrorId);
        Assert.Contains("'guest-file-open': failed to open file '/x' (mode: 'r'): Permission denied", error.Message, StringComparison.Ordinal);
        await AssertAnswersAsync(client);
    }

    [Fact(Timeout = Limit)]
    public async Task A_file_that_is_not_there_is_null_and_another_failure_is_none()
    {
        await using AgentConnection client = await _agent.ConnectAsync();

        Task<long?> missing = client.TryOpenFileAsync("/x", "r", CancellationToken.None);
        await _agent.ReceiveAsync();
        await _agent.RefuseAsync("GenericError", "failed to open file '/x' (mode: 'r'): No such file or directory");
        Assert.Null(await missing);

        Task<long?> forbidden = client.TryOpenFileAsync("/x", "r", CancellationToken.None);
        await _agent.ReceiveAsync();
        await _agent.RefuseAsync("GenericError", "failed to open file '/x' (mode: 'r'): Permission denied");
        await Assert.ThrowsAsync<MicroVmException>(() => forbidden);
    }

    [Fact(Timeout = Limit)]
    public async Task Silence_at_first_is_told_when_the_limit_is_over()
    {
        MicroVmException error = await Assert.ThrowsAsync<MicroVmException>(() => AgentConnection.OpenAsync(_agent.Channel, "web", s_soon, CancellationToken.None));

        Assert.Equal(ErrorIds.GuestAgentUnavailable, error.ErrorId);
        Assert.Contains("0.2 s", error.Message, StringComparison.Ordinal);
    }

    [Fact(Timeout = Limit)]
    public async Task Silence_after_a_call_is_told_when_the_limit_is_over()
    {
        await using AgentConnection client = await _agent.ConnectAsync();

        MicroVmException error = await Assert.ThrowsAsync<MicroVmException>(() => client.CallAsync(new AgentRequest("guest-ping"), s_soon, CancellationToken.None));

        Assert.Equal(ErrorIds.GuestAgentUnavailable, error.ErrorId);
        Assert.Contains("'guest-ping'", error.Message, StringComparison.Ordinal);
    }

    [Fact(Timeout = Limit)]
    public async Task A_channel_that_is_closed_midway_is_told_at_once()
    {
        await using AgentConnection client = await _agent.ConnectAsync();
        Task<JsonElement> call = client.CallAsync(new AgentRequest("guest-ping"), CancellationToken.None);
        await _agent.ReceiveAsync();
        await _agent.SendAsync("{\"retu");

        _agent.Close();

        Assert.Equal(ErrorIds.GuestAgentUnavailable, (await Assert.ThrowsAsync<MicroVmException>(() => call.Within("the call to fail"))).ErrorId);
        // And when nobody is there at all.
        Assert.Equal(ErrorIds.GuestAgentUnavailable, (await Assert.ThrowsAsync<MicroVmException>(() => client.PingAsync(CancellationToken.None))).ErrorId);
        MicroVmException none = await Assert.ThrowsAsync<MicroVmException>(() => AgentConnection.OpenAsync(_agent.Channel, "web", Limits.Generous, CancellationToken.None));
        Assert.Equal(ErrorIds.GuestAgentUnavailable, none.ErrorId);
    }

    [Fact(Timeout = Limit)]
    public async Task Of_calls_in_one_round_trip_one_may_fail_and_the_connection_goes_on()
    {
        await using AgentConnection client = await _agent.ConnectAsync();

        Task<JsonElement[]> calls = client.CallAllAsync(
            CancellationToken.None, AgentCalls.OpenFile("/a", "r"), AgentCalls.OpenFile("/b", "r"), AgentCalls.OpenFile("/c", "r"), new AgentRequest("guest-d"));
        // All come before the first is answered.
        foreach (string path in (string[])["/a", "/b", "/c"])
        {
            Assert.Equal(path, (await _agent.ReceiveAsync()).Arguments!.Value.GetProperty("path").GetString());
        }

        Assert.Equal("guest-d", (await _agent.ReceiveAsync()).Command);
        await _agent.AnswerAsync("1");
        await _agent.RefuseAsync("GenericError", "the first that failed");
        await _agent.RefuseAsync("GenericError", "the second that failed");
        Assert.False(calls.IsCompleted);
        await _agent.AnswerAsync("4");

        MicroVmException error = await Assert.ThrowsAsync<MicroVmException>(() => calls);
        Assert.EndsWith("the first that failed", error.Message, StringComparison.Ordinal);
        await AssertAnswersAsync(client);
    }

    [Fact(Timeout = Limit)]
    public async Task Requests_longer_than_the_pipe_are_written_while_answers_are_read()
    {
        await using AgentConnection client = await _agent.ConnectAsync();
        byte[] content = new byte[AgentCalls.FileChunkBytes];
        AgentRequest[] requests = [.. Enumerable.Range(0, 8).Select(i => new AgentRequest("guest-file-write", AgentCalls.WriteFile(i, content).Arguments, 4 << 20))];

        Task<JsonElement[]> calls = client.CallAllAsync(CancellationToken.None, requests);
        for (int i = 0; i < requests.Length; i++)
        {
            FakeAgent.Call call = await _agent.ReceiveAsync();
            Assert.Equal(i, call.Arguments!.Value.GetProperty("handle").GetInt32());
            // The agent does not read on before this was taken.
            await _agent.AnswerAsync($"\"{new string('x', 1 << 20)}{i}\"");
        }

        JsonElement[] answers = await calls;
        Assert.All(answers, (answer, i) => Assert.EndsWith($"x{i}", answer.GetString(), StringComparison.Ordinal));
    }

    [Fact(Timeout = Limit)]
    public async Task A_cancelled_call_ends_and_the_next_client_is_not_confused_by_its_answer()
    {
        using CancellationTokenSource source = new();
        await using (AgentConnection client = await _agent.ConnectAsync())
        {
            Task<long> call = client.ExecuteAsync("true", [], default, source.Token);
            await _agent.ReceiveAsync();
            await source.CancelAsync();
            await Assert.ThrowsAnyAsync<OperationCanceledException>(() => call);
        }

        await _agent.AnswerAsync("{\"pid\": 4711}");
        await using AgentConnection next = await _agent.ConnectAsync();
        await AssertAnswersAsync(next);
    }

    [Fact(Timeout = Limit)]
    public async Task Waiting_for_an_agent_can_be_cancelled()
    {
        using CancellationTokenSource source = new();
        Task<AgentConnection> opening = AgentConnection.OpenAsync(_agent.Channel, "web", Limits.Generous, source.Token);
        await _agent.ReceiveSyncAsync();

        await source.CancelAsync();

        await Assert.ThrowsAnyAsync<OperationCanceledException>(() => opening);
    }

    private async Task AssertAnswersAsync(AgentConnection client)
    {
        Task<long> call = client.OpenFileAsync("/here", "r", CancellationToken.None);
        FakeAgent.Call received = await _agent.ReceiveAsync();
        Assert.Equal("/here", received.Arguments!.Value.GetProperty("path").GetString());
        await _agent.AnswerAsync("42");
        Assert.Equal(42, await call);
    }
}
