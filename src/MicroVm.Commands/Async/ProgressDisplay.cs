using System.Diagnostics;
using System.Management.Automation;
using MicroVm.Engine;

namespace MicroVm.Commands.Async;

/// <summary>Shows an operation's progress: not at all while it is short, and then no more often than the eye can follow.</summary>
internal sealed class ProgressDisplay(Cmdlet cmdlet)
{
    // One activity per cmdlet: PowerShell tells the cmdlets of a pipeline apart by itself.
    private const int ActivityId = 0;

    private static readonly TimeSpan Patience = TimeSpan.FromMilliseconds(500);

    private readonly long startedAt = Stopwatch.GetTimestamp();
    private OperationProgress? shown;
    private long shownAt;

    /// <summary>The shortest time between two updates.</summary>
    public static TimeSpan Interval { get; } = TimeSpan.FromMilliseconds(100);

    /// <summary>Shows the given progress if it is news and time for it.</summary>
    public void Show(OperationProgress? progress)
    {
        if (progress is null
            || ReferenceEquals(progress, shown)
            || Stopwatch.GetElapsedTime(startedAt) < Patience
            || (shown is not null && Stopwatch.GetElapsedTime(shownAt) < Interval))
        {
            return;
        }

        shown = progress;
        shownAt = Stopwatch.GetTimestamp();
        cmdlet.WriteProgress(new ProgressRecord(ActivityId, Text(progress.Activity), Text(progress.Status))
        {
            PercentComplete = Math.Clamp(progress.PercentComplete, -1, 100),
        });
    }

    /// <summary>Takes the display away if there is one.</summary>
    public void Complete()
    {
        if (shown is null)
        {
            return;
        }

        ProgressRecord record = new(ActivityId, Text(shown.Activity), Text(shown.Status)) { RecordType = ProgressRecordType.Completed };
        shown = null;
        try
        {
            cmdlet.WriteProgress(record);
        }
        catch (PipelineStoppedException)
        {
            // A stopped pipeline takes no more records; the host clears the display itself.
        }
    }

    // ProgressRecord refuses empty texts.
    private static string Text(string value) => string.IsNullOrEmpty(value) ? " " : value;
}
