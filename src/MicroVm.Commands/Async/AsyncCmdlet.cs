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
        try
        {
            Await(task, relay);
        }
        finally
        {
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
    private protected IEnumerable<T> Enumerate<T>(Func<CancellationToken, IAsyncEnumerable<T>> source) => Enumerate((_, token) => source(token));

    /// <summary>As the other, for a sequence whose making has something to say.</summary>
    private protected IEnumerable<T> Enumerate<T>(Func<IOperationObserver, CancellationToken, IAsyncEnumerable<T>> source)
    {
        OperationRelay relay = new(this);
        IAsyncEnumerator<T> elements = source(relay, stop.Token).GetAsyncEnumerator(stop.Token);
        Task<bool> move = Task.FromResult(true);
        try
        {
            while (true)
            {
                ThrowIfStopped();
                move = elements.MoveNextAsync().AsTask();
                Await(move, relay);
                ThrowIfStopped();
                if (!move.GetAwaiter().GetResult())
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

            relay.EndProgress();
        }
    }

    // Waits for a task and writes what it says meanwhile. When the pipeline is stopped, it gets its time to clean up.
    private void Await(Task task, OperationRelay relay)
    {
        if (!task.IsCompleted)
        {
            task.GetAwaiter().OnCompleted(relay.Wake);
        }

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
