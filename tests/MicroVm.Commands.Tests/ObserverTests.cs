using System.Management.Automation;
using MicroVm.Engine;
using Xunit;

namespace MicroVm.Commands.Tests;

public class ObserverTests
{
    [PwshFact]
    public void Messages_come_out_in_order_and_before_the_result()
    {
        using Shell shell = new();
        PowerShell pipeline = shell.Operation("Invoke-FakeOperation $operation -Verbose *>&1 | ForEach-Object { \"$_\" }", async (_, observer, _) =>
        {
            observer.Verbose("first");
            await Task.Yield();
            observer.Warning("second");
            observer.Verbose("third");
            return "result";
        });

        string[] written = [.. pipeline.Invoke<string>()];

        Assert.Equal(["first", "second", "third", "result"], written[^4..]);
    }

    [PwshFact]
    public void A_short_operation_shows_no_progress()
    {
        using Shell shell = new();
        PowerShell pipeline = shell.Operation("Invoke-FakeOperation $operation", (_, observer, _) =>
        {
            observer.Progress(new OperationProgress("Saving", "Memory", 10));
            return Task.FromResult("done");
        });

        pipeline.Invoke();

        Assert.Empty(pipeline.Streams.Progress);
    }

    [PwshFact]
    public void A_long_operation_shows_progress_now_and_then_and_takes_it_away()
    {
        using Shell shell = new();
        PowerShell pipeline = shell.Operation("Invoke-FakeOperation $operation", async (_, observer, token) =>
        {
            for (int percent = 0; percent < 100; percent++)
            {
                observer.Progress(new OperationProgress("Saving", "Memory", percent));
                await Task.Delay(12, token);
            }

            return "done";
        });

        pipeline.Invoke();

        ProgressRecord[] shown = [.. pipeline.Streams.Progress];
        Assert.InRange(shown.Length, 3, 20);
        Assert.All(shown[..^1], record => Assert.Equal(ProgressRecordType.Processing, record.RecordType));
        Assert.All(shown[..^1], record => Assert.InRange(record.PercentComplete, 20, 99));
        Assert.Equal(ProgressRecordType.Completed, shown[^1].RecordType);
    }

    [PwshFact]
    public void Progress_is_taken_away_when_the_operation_fails()
    {
        using Shell shell = new();
        PowerShell pipeline = shell.Operation("Invoke-FakeOperation $operation", async (_, observer, token) =>
        {
            observer.Progress(new OperationProgress("Saving", "", -1));
            await Task.Delay(900, token);
            throw new InvalidDataException("odd");
        });

        pipeline.Invoke();

        Assert.Equal(ProgressRecordType.Completed, pipeline.Streams.Progress[^1].RecordType);
    }

    [PwshFact]
    public void A_warning_that_must_stop_cancels_the_operation_and_waits_for_it()
    {
        using Shell shell = new();
        bool cleaned = false;
        PowerShell pipeline = shell.Operation("Invoke-FakeOperation $operation -WarningAction Stop", async (_, observer, token) =>
        {
            observer.Warning("careful");
            try
            {
                await Task.Delay(Timeout.Infinite, token);
            }
            finally
            {
                cleaned = true;
            }

            return "never";
        });

        Assert.ThrowsAny<RuntimeException>(() => pipeline.Invoke());
        Assert.True(cleaned);
    }
}
