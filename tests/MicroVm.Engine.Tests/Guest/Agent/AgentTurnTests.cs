using System.Diagnostics;
using MicroVm.Engine.Errors;
using MicroVm.Engine.Guest.Agent;
using MicroVm.Engine.Tests.Support;

namespace MicroVm.Engine.Tests.Guest.Agent;

public sealed class AgentTurnTests : IDisposable
{
    private const int Limit = 60_000;

    private readonly Scratch _scratch = new();

    public void Dispose() => _scratch.Dispose();

    [Fact(Timeout = Limit)]
    public async Task Only_one_of_many_tasks_has_the_turn_and_each_gets_it()
    {
        int inside = 0;
        await Task.WhenAll(Enumerable.Range(0, 16).Select(_ => Task.Run(async () =>
        {
            for (int i = 0; i < 50; i++)
            {
                using AgentTurn turn = await TakeAsync();
                Assert.Equal(1, Interlocked.Increment(ref inside));
                await Task.Yield();
                Interlocked.Decrement(ref inside);
            }
        })));
    }

    [Fact(Timeout = Limit)]
    public async Task The_turn_goes_on_when_it_is_given_back()
    {
        AgentTurn first = await TakeAsync();
        Task<AgentTurn> second = TakeAsync();
        Task<AgentTurn> third = TakeAsync();
        Assert.False(second.IsCompleted);

        first.Dispose();
        Task<AgentTurn> next = await Task.WhenAny(second, third);
        Task<AgentTurn> last = next == second ? third : second;
        Assert.False(last.IsCompleted);
        (await next).Dispose();
        (await last).Dispose();
    }

    [Fact(Timeout = Limit)]
    public async Task Another_process_that_has_the_turn_is_waited_for_and_its_turn_dies_with_it()
    {
        using Process other = OtherEngine.Start("turn", _scratch.Path);
        Task<AgentTurn> mine;
        try
        {
            Assert.Equal("held", await other.StandardOutput.ReadLineAsync().Within("the other process to take its turn"));
            mine = TakeAsync();
            Assert.False(mine.IsCompleted);
        }
        finally
        {
            other.Kill();
            await other.WaitForExitAsync().Within("the other process to end");
        }

        (await mine.Within("the turn of the process that was killed")).Dispose();
    }

    [Fact(Timeout = Limit)]
    public async Task Whoever_waits_is_next_before_one_who_takes_turn_after_turn()
    {
        AgentTurn mine = await TakeAsync();
        for (int i = 0; i < 50; i++)
        {
            Task<AgentTurn> other = TakeAsync();
            Assert.False(other.IsCompleted);

            mine.Dispose();
            Task<AgentTurn> again = TakeAsync();

            Assert.Same(other, await Task.WhenAny(other, again));
            Assert.False(again.IsCompleted);
            (await other).Dispose();
            mine = await again;
        }

        mine.Dispose();
    }

    [Fact(Timeout = Limit)]
    public async Task A_waiter_that_is_cancelled_gives_up_its_place()
    {
        AgentTurn held = await TakeAsync();
        using CancellationTokenSource source = new();
        Task<AgentTurn> first = AgentTurn.TakeAsync(_scratch.Path, source.Token);
        Task<AgentTurn> second = TakeAsync();

        await source.CancelAsync();

        await Assert.ThrowsAnyAsync<OperationCanceledException>(() => first);
        Assert.False(second.IsCompleted);
        held.Dispose();
        (await second).Dispose();
        (await TakeAsync()).Dispose();
    }

    [Fact(Timeout = Limit)]
    public async Task Turns_leave_no_descriptor_open()
    {
        for (int i = 0; i < 20; i++)
        {
            AgentTurn held = await TakeAsync();
            using CancellationTokenSource source = new();
            Task<AgentTurn> waiting = AgentTurn.TakeAsync(_scratch.Path, source.Token);
            await source.CancelAsync();
            await Assert.ThrowsAnyAsync<OperationCanceledException>(() => waiting);
            held.Dispose();
        }

        Assert.DoesNotContain(
            Directory.GetFiles("/proc/self/fd").Select(link => new FileInfo(link).LinkTarget ?? ""),
            target => target.StartsWith(_scratch.Path, StringComparison.Ordinal));
    }

    [Fact(Timeout = Limit)]
    public async Task A_limit_for_the_answer_holds_for_the_turn_as_well()
    {
        await using FakeAgent fake = new(_scratch);
        GuestAgent agent = new(fake.Channel, _scratch.Path, "web");
        using AgentTurn held = await TakeAsync();

        MicroVmException error = await Assert.ThrowsAsync<MicroVmException>(
            () => agent.UseAsync(_ => Task.FromResult(true), CancellationToken.None, TimeSpan.FromMilliseconds(50)).Within("the limit"));

        Assert.Equal(ErrorIds.GuestAgentUnavailable, error.ErrorId);
    }

    [Fact(Timeout = Limit)]
    public async Task A_VM_that_was_removed_meanwhile_has_no_agent()
    {
        await using FakeAgent fake = new(_scratch);
        GuestAgent agent = new(fake.Channel, _scratch.File("removed"), "web");

        MicroVmException error = await Assert.ThrowsAsync<MicroVmException>(() => agent.UseAsync(_ => Task.FromResult(true), CancellationToken.None));

        Assert.Equal(ErrorIds.GuestAgentUnavailable, error.ErrorId);
    }

    private Task<AgentTurn> TakeAsync() => AgentTurn.TakeAsync(_scratch.Path, CancellationToken.None);
}
