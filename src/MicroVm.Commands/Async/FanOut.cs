using System.Runtime.CompilerServices;
using System.Threading.Channels;

namespace MicroVm.Commands.Async;

/// <summary>Works on several things at a time, and hands out what comes of each as it comes.</summary>
internal static class FanOut
{
    // What may lie ready before the pipeline takes it; whoever has more to say waits.
    private const int Ahead = 64;

    /// <summary>Does the work for each target; all have ended when the sequence does, or is disposed.</summary>
    /// <param name="targets">The targets.</param>
    /// <param name="limit">How many at a time.</param>
    /// <param name="work">Works on one target; what it hands to its second argument comes out of the sequence.</param>
    /// <param name="cancellationToken">Cancels all of it.</param>
    public static async IAsyncEnumerable<Outcome<TTarget>> RunAsync<TTarget>(
        IReadOnlyList<TTarget> targets,
        int limit,
        Func<TTarget, Func<object, Task>, CancellationToken, Task> work,
        [EnumeratorCancellation] CancellationToken cancellationToken)
    {
        using CancellationTokenSource stop = CancellationTokenSource.CreateLinkedTokenSource(cancellationToken);
        Channel<Outcome<TTarget>> outcomes = Channel.CreateBounded<Outcome<TTarget>>(Ahead);

        async Task WorkOnAsync(TTarget target)
        {
            try
            {
                await work(target, item => outcomes.Writer.WriteAsync(new Outcome<TTarget>(target, item, null), stop.Token).AsTask(), stop.Token);
            }
            catch (Exception failure) when (!stop.IsCancellationRequested)
            {
                await TellAsync(new Outcome<TTarget>(target, null, failure));
            }
            catch (Exception)
            {
                // Nobody wants to know any more.
            }
        }

        async Task TellAsync(Outcome<TTarget> outcome)
        {
            try
            {
                await outcomes.Writer.WriteAsync(outcome, stop.Token);
            }
            catch (OperationCanceledException)
            {
                // Nobody takes it any more.
            }
        }

        async Task WorkOnAllAsync()
        {
            await Parallel.ForEachAsync(
                targets, new ParallelOptions { MaxDegreeOfParallelism = limit }, (target, _) => stop.IsCancellationRequested ? default : new ValueTask(WorkOnAsync(target)));
            outcomes.Writer.Complete();
        }

        Task all = Task.Run(WorkOnAllAsync, CancellationToken.None);
        try
        {
            await foreach (Outcome<TTarget> outcome in outcomes.Reader.ReadAllAsync(CancellationToken.None))
            {
                yield return outcome;
            }
        }
        finally
        {
            await stop.CancelAsync();
            await all;
        }
    }
}
