using System.Collections.Concurrent;
using System.Management.Automation;
using MicroVm.Engine;

namespace MicroVm.Commands.Async;

/// <summary>
/// Carries what an operation says from its threads to the pipeline thread, the only one that may write. What is said after the last
/// delivery is dropped.
/// </summary>
internal sealed class OperationRelay(Cmdlet cmdlet) : IOperationObserver
{
    private readonly ConcurrentQueue<Action> messages = new();

    // Not disposed: a late message may still release it, and without a wait handle it holds nothing that needs disposing.
    private readonly SemaphoreSlim wake = new(0);
    private readonly ProgressDisplay display = new(cmdlet);
    private volatile OperationProgress? latest;

    /// <inheritdoc/>
    public void Progress(OperationProgress progress) => latest = progress;

    /// <inheritdoc/>
    public void Verbose(string message) => Post(() => cmdlet.WriteVerbose(TerminalText.NeutraliseLines(message)));

    /// <inheritdoc/>
    public void Warning(string message) => Post(() => cmdlet.WriteWarning(TerminalText.NeutraliseLines(message)));

    /// <summary>Ends the present <see cref="Wait"/>.</summary>
    public void Wake() => wake.Release();

    /// <summary>Waits for a message or <see cref="Wake"/>, at most until progress may be due again.</summary>
    public void Wait() => wake.Wait(ProgressDisplay.Interval);

    /// <summary>Writes what has been said; on the pipeline thread only.</summary>
    public void Deliver()
    {
        while (messages.TryDequeue(out Action? write))
        {
            write();
        }

        display.Show(latest);
    }

    /// <summary>Takes the progress display away; on the pipeline thread only.</summary>
    public void EndProgress() => display.Complete();

    private void Post(Action write)
    {
        messages.Enqueue(write);
        Wake();
    }
}
