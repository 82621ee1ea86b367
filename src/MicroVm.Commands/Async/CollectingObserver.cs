using System.Collections.Concurrent;
using MicroVm.Engine;

namespace MicroVm.Commands.Async;

/// <summary>Keeps what an operation says until the pipeline can hear it: one of many that run at a time has nobody to listen.</summary>
internal sealed class CollectingObserver : IOperationObserver
{
    private readonly ConcurrentQueue<Remark> remarks = new();

    /// <summary>What was said so far, in order.</summary>
    public IEnumerable<Remark> Remarks => remarks;

    /// <inheritdoc/>
    public void Progress(OperationProgress progress)
    {
        // The VMs that come out one by one are the progress.
    }

    /// <inheritdoc/>
    public void Warning(string message) => remarks.Enqueue(new Remark(message, IsWarning: true));

    /// <inheritdoc/>
    public void Verbose(string message) => remarks.Enqueue(new Remark(message, IsWarning: false));

    /// <summary>Something that was said.</summary>
    /// <param name="Text">The words.</param>
    /// <param name="IsWarning">Whether they are a warning.</param>
    internal sealed record Remark(string Text, bool IsWarning);
}
