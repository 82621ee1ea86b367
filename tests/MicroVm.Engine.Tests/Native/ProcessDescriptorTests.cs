using MicroVm.Engine.Isolation;
using MicroVm.Engine.Native;
using MicroVm.Engine.Tests.Support;

namespace MicroVm.Engine.Tests.Native;

public sealed class ProcessDescriptorTests
{
    [Fact]
    public void There_is_none_for_a_number_nobody_has() => Assert.Null(ProcessDescriptor.TryOpen(int.MaxValue));

    [Theory]
    [InlineData("exit 0", 0, null)]
    [InlineData("exit 255", 255, null)]
    [InlineData("kill -TERM $$", null, 15)]
    [InlineData("kill -KILL $$", null, 9)]
    public void Exit_is_reaped_once(string script, int? code, int? signal)
    {
        using TestProcess child = TestProcess.Start("/dev/null", "sh", "-c", script);

        child.WaitForEnd();

        Assert.Equal(new ProcessExit(code, signal), child.Reap());
        Assert.Null(child.Reap());
    }

    [Fact]
    public void Process_that_runs_is_not_reaped_and_a_wait_for_it_runs_out()
    {
        using TestProcess child = TestProcess.Sleeper();
        using ProcessDescriptor process = ProcessDescriptor.TryOpen(child.Id)!;

        Assert.Null(process.TryReap());
        Assert.False(process.WaitForEnd(TimeSpan.FromMilliseconds(1), CancellationToken.None));
    }

    [Fact]
    public void Process_that_is_no_child_is_not_reaped()
    {
        using ProcessDescriptor init = ProcessDescriptor.TryOpen(1)!;

        Assert.Null(init.TryReap());
    }

    [Fact]
    public void Signal_to_a_reaped_process_says_so()
    {
        using TestProcess child = TestProcess.Start("/dev/null", "true");
        using ProcessDescriptor process = ProcessDescriptor.TryOpen(child.Id)!;
        child.WaitForEnd();
        child.Reap();

        Assert.False(process.Signal(Signals.Terminate));
    }

    [Fact]
    public void Waiting_can_be_cancelled()
    {
        using TestProcess child = TestProcess.Sleeper();
        using ProcessDescriptor process = ProcessDescriptor.TryOpen(child.Id)!;
        using CancellationTokenSource source = new(TimeSpan.FromMilliseconds(10));

        Assert.Throws<OperationCanceledException>(() => process.WaitForEnd(Timeout.InfiniteTimeSpan, source.Token));
    }

    [Fact]
    public void Exits_read_well()
    {
        Assert.Equal("exit code 3", new ProcessExit(3, null).ToString());
        Assert.Equal("signal SIGKILL", new ProcessExit(null, 9).ToString());
        Assert.Equal("signal 7", new ProcessExit(null, 7).ToString());
    }

    [Fact(Timeout = 60_000)]
    public async Task Killing_touches_only_the_process_that_is_meant()
    {
        using TestProcess child = TestProcess.Sleeper();

        await VmmProcess.KillAsync(child.Identity with { StartTicks = child.Identity.StartTicks + 1 });
        Assert.True(child.Identity.IsAlive);

        await VmmProcess.KillAsync(child.Identity);
        Assert.False(child.Identity.IsAlive);
        await VmmProcess.KillAsync(child.Identity);
    }

    [Fact(Timeout = 60_000)]
    public async Task Waiting_for_the_end_says_whether_it_came()
    {
        using TestProcess child = TestProcess.Sleeper();

        Assert.False(await VmmProcess.WaitForEndAsync(child.Identity, TimeSpan.FromMilliseconds(1), CancellationToken.None));
        Task<bool> waiting = VmmProcess.WaitForEndAsync(child.Identity, Limits.Generous, CancellationToken.None);
        child.Signal(Signals.Kill);

        Assert.True(await waiting);
    }
}
