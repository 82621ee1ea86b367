using System.IO.Pipes;
using MicroVm.Engine.Native;
using MicroVm.Engine.Tests.Support;

namespace MicroVm.Engine.Tests.Native;

public sealed class PollingTests : IDisposable
{
    private readonly AnonymousPipeServerStream _first = new(PipeDirection.Out);
    private readonly AnonymousPipeServerStream _second = new(PipeDirection.Out);

    public void Dispose()
    {
        _first.Dispose();
        _second.Dispose();
    }

    [Fact]
    public void First_that_is_ready_is_named()
    {
        _second.WriteByte(1);
        Assert.Equal(1, Wait(Limits.Generous));

        _first.WriteByte(1);
        Assert.Equal(0, Wait(Limits.Generous));
    }

    [Fact]
    public void Nothing_ready_runs_out()
    {
        Assert.Equal(-1, Wait(TimeSpan.Zero));
        Assert.Equal(-1, Wait(TimeSpan.FromMilliseconds(1)));
        Assert.Equal(-1, Polling.WaitAny(TimeSpan.FromMilliseconds(1), CancellationToken.None));
    }

    [Fact]
    public void Negative_limit_looks_once()
    {
        Assert.Equal(-1, Wait(TimeSpan.FromSeconds(-5)));
        _first.WriteByte(1);
        Assert.Equal(0, Wait(TimeSpan.FromSeconds(-5)));
    }

    [Fact]
    public void Other_end_hanging_up_is_ready()
    {
        _first.Dispose();
        using AnonymousPipeServerStream pipe = new(PipeDirection.Out);
        Microsoft.Win32.SafeHandles.SafePipeHandle reader = pipe.ClientSafePipeHandle;
        pipe.SafePipeHandle.Dispose();

        Assert.Equal(0, Polling.WaitAny(Limits.Generous, CancellationToken.None, reader));
    }

    [Fact(Timeout = 60_000)]
    public async Task Waiting_for_ever_can_be_cancelled()
    {
        using CancellationTokenSource source = new();
        Task<int> waiting = Task.Run(() => Wait(Timeout.InfiniteTimeSpan, source.Token));

        await source.CancelAsync();

        await Assert.ThrowsAnyAsync<OperationCanceledException>(() => waiting);
    }

    private int Wait(TimeSpan limit, CancellationToken cancellationToken = default) =>
        Polling.WaitAny(limit, cancellationToken, _first.ClientSafePipeHandle, _second.ClientSafePipeHandle);
}
