using System.Management.Automation;
using System.Runtime.CompilerServices;
using Xunit;

namespace MicroVm.Commands.Tests;

public class StopTests
{
    private static readonly TimeSpan Limit = TimeSpan.FromSeconds(20);

    [PwshFact]
    public async Task Stopping_waits_until_the_operation_has_cleaned_up()
    {
        using Shell shell = new();
        TaskCompletionSource started = new();
        bool cleaned = false;
        PowerShell pipeline = shell.Operation("Invoke-FakeOperation $operation", async (_, _, token) =>
        {
            started.SetResult();
            try
            {
                await Task.Delay(Timeout.Infinite, token);
            }
            finally
            {
                await Task.Delay(500, CancellationToken.None);
                cleaned = true;
            }

            return "never";
        });

        IAsyncResult run = pipeline.BeginInvoke();
        await started.Task.WaitAsync(Limit);
        await Task.Factory.FromAsync(pipeline.BeginStop(null, null), pipeline.EndStop).WaitAsync(Limit);

        Assert.True(cleaned);
        Assert.Equal(PSInvocationState.Stopped, pipeline.InvocationStateInfo.State);
        Assert.Throws<PipelineStoppedException>(() => pipeline.EndInvoke(run));
    }

    [PwshFact]
    public async Task A_stopped_cmdlet_starts_no_further_operation()
    {
        using Shell shell = new();
        TaskCompletionSource started = new();
        int operations = 0;
        PowerShell pipeline = shell.Operation("1..3 | Invoke-FakeOperation $operation", async (_, _, token) =>
        {
            operations++;
            started.TrySetResult();
            await Task.Delay(Timeout.Infinite, token);
            return "never";
        });

        _ = pipeline.BeginInvoke();
        await started.Task.WaitAsync(Limit);
        await Task.Factory.FromAsync(pipeline.BeginStop(null, null), pipeline.EndStop).WaitAsync(Limit);

        Assert.Equal(1, operations);
    }

    [PwshFact]
    public void A_downstream_cmdlet_that_has_enough_ends_the_stream()
    {
        using Shell shell = new();
        bool disposed = false;
        PowerShell pipeline = shell.Stream("Get-FakeStream $source | Select-Object -First 2", token => Endless(() => disposed = true, token));

        string[] lines = [.. pipeline.Invoke<string>()];

        Assert.Equal(["line 0", "line 1"], lines);
        Assert.True(disposed);
    }

    [PwshFact]
    public async Task Stopping_ends_a_stream_that_waits()
    {
        using Shell shell = new();
        TaskCompletionSource waiting = new();
        PowerShell pipeline = shell.Stream("Get-FakeStream $source", token => Silent(waiting, token));

        _ = pipeline.BeginInvoke();
        await waiting.Task.WaitAsync(Limit);
        await Task.Factory.FromAsync(pipeline.BeginStop(null, null), pipeline.EndStop).WaitAsync(Limit);

        Assert.Equal(PSInvocationState.Stopped, pipeline.InvocationStateInfo.State);
    }

    private static async IAsyncEnumerable<string> Endless(Action disposed, [EnumeratorCancellation] CancellationToken token)
    {
        try
        {
            for (int number = 0; ; number++)
            {
                await Task.Delay(1, token);
                yield return $"line {number}";
            }
        }
        finally
        {
            disposed();
        }
    }

    private static async IAsyncEnumerable<string> Silent(TaskCompletionSource waiting, [EnumeratorCancellation] CancellationToken token)
    {
        yield return "one";
        waiting.SetResult();
        await Task.Delay(Timeout.Infinite, token);
    }
}
