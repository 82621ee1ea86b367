namespace MicroVm.Engine.Native;

/// <summary>Waits for the first of several things, and lets go of the others.</summary>
internal static class TaskRace
{
    /// <summary>Waits until one of two waits is over; when this returns, both are. A failure of one passes.</summary>
    public static async Task FirstAsync(CancellationToken cancellationToken, Func<CancellationToken, Task> one, Func<CancellationToken, Task> other)
    {
        using CancellationTokenSource enough = CancellationTokenSource.CreateLinkedTokenSource(cancellationToken);
        Task[] waits = [one(enough.Token), other(enough.Token)];
        await Task.WhenAny(waits);
        await enough.CancelAsync();
        foreach (Task wait in waits)
        {
            await wait.ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
            if (wait.IsFaulted)
            {
                await wait;
            }
        }

        cancellationToken.ThrowIfCancellationRequested();
    }
}
