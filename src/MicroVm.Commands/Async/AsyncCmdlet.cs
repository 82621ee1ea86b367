using System.Management.Automation;
using MicroVm.Engine;

namespace MicroVm.Commands.Async;

/// <summary>
/// A cmdlet whose work is asynchronous. The work runs on the thread pool while the pipeline thread waits here and writes what the work
/// says. Ctrl+C cancels the work and waits for it to end, so that what it undoes is undone before the prompt returns.
/// </summary>
public abstract class AsyncCmdlet : PSCmdlet
{
    private static readonly TimeSpan CleanupLimit = TimeSpan.FromSeconds(30);

    // Not disposed: StopProcessing may come from another thread at any time, and a source without timer or wait handle holds nothing.
    private readonly CancellationTokenSource stop = new();

    /// <inheritdoc/>
    protected sealed override void StopProcessing() => _ = stop.CancelAsync();

    /// <summary>Runs an operation to its end and returns its task, completed: how it came out is for the caller to see.</summary>
    /// <exception cref="PipelineStoppedException">The pipeline was stopped, and the operation has ended or used up its time.</exception>
    private protected Task<T> Run<T>(Func<IOperationObserver, CancellationToken, Task<T>> operation)
    {
        ThrowIfStopped();
        OperationRelay relay = new(this);
        Task<T> task = Task.Run(() => operation(relay, stop.Token));
        task.GetAwaiter().OnCompleted(relay.Wake);
        try
        {
            while (!task.IsCompleted && !stop.IsCancellationRequested)
            {
                relay.Wait();
                relay.Deliver();
            }

            relay.Deliver();
        }
        catch
        {
            // Writing ends the pipeline when a downstream cmdlet has enough, or when a preference says Stop.
            _ = stop.CancelAsync();
            throw;
        }
        finally
        {
            Task.WaitAny([task], CleanupLimit);
            relay.EndProgress();
        }

        ThrowIfStopped();
        return task;
    }

    /// <summary>Does what has to be done even when the pipeline was stopped, and waits for it as long as a clean-up may take.</summary>
    private protected static void CleanUp(Func<CancellationToken, Task> work)
    {
        using CancellationTokenSource limit = new(CleanupLimit);
        CancellationToken token = limit.Token;
        Task.WaitAny([Task.Run(() => work(token))], CleanupLimit);
    }

    /// <summary>Hands out the elements of an asynchronous sequence one by one, no faster than they are taken.</summary>
    private protected IEnumerable<T> Enumerate<T>(Func<CancellationToken, IAsyncEnumerable<T>> source)
    {
        IAsyncEnumerator<T> elements = source(stop.Token).GetAsyncEnumerator(stop.Token);
        Task<bool> move = Task.FromResult(true);
        try
        {
            while (true)
            {
                ThrowIfStopped();
                move = elements.MoveNextAsync().AsTask();
                bool moved = move.IsCompletedSuccessfully ? move.Result : Run((_, _) => move).GetAwaiter().GetResult();
                if (!moved)
                {
                    yield break;
                }

                yield return elements.Current;
            }
        }
        finally
        {
            // A sequence that did not react to the cancellation is still moving, and must not be disposed under its feet.
            if (move.IsCompleted)
            {
                elements.DisposeAsync().AsTask().Wait(CleanupLimit);
            }
        }
    }

    private void ThrowIfStopped()
    {
        if (stop.IsCancellationRequested)
        {
            throw new PipelineStoppedException();
        }
    }
}
