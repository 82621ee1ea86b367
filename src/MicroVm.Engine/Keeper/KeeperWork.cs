using MicroVm.Engine.Errors;
using MicroVm.Engine.Machines;
using MicroVm.Engine.State;

namespace MicroVm.Engine.Keeper;

/// <summary>
/// What goes on while no shell is there: how VMMs ended is noted, records are put right, logs are cut, ephemeral VMs go with their owners, network links are kept
/// ready. Whatever fails is said
/// in the log and harms no VM; all of it would wait for the next cmdlet otherwise.
/// </summary>
internal sealed class KeeperWork(EngineContext context, KeeperOptions options, Action<string> say)
{
    // A shell reaps its children at once, unless it is stopped itself.
    private static readonly TimeSpan s_reapLimit = TimeSpan.FromSeconds(5);

    private string? _lastFailure;

    /// <summary>
    /// Works until no VM has had a VMM for a while and no links are to be kept ready, or until it is cancelled. When it cannot, for want of inotify watches say, it stays and tries again: else
    /// each cmdlet would start another in vain.
    /// </summary>
    /// <param name="held">The lock.</param>
    /// <param name="cancellationToken">Ends it.</param>
    public async Task RunAsync(KeeperLock held, CancellationToken cancellationToken)
    {
        do
        {
            try
            {
                await WatchAsync(cancellationToken);
            }
            catch (Exception exception) when (!cancellationToken.IsCancellationRequested)
            {
                if (exception.Message != _lastFailure)
                {
                    _lastFailure = exception.Message;
                    say($"VMs are not looked after: {(exception is MicroVmException ? exception.Message : exception)}");
                }

                await Task.Delay(options.RetryPause, cancellationToken);
            }

            held.Release();
            // A cmdlet that met the lock a moment ago has started its VM before that.
        }
        while (!cancellationToken.IsCancellationRequested && IsNeeded(context) && held.TryTake());
    }

    /// <summary>Whether any VM has a VMM, or an owner to go with, or network links are to be kept ready.</summary>
    public static bool IsNeeded(EngineContext context) => SpareService.IsWanted(context)
        || context.Machines.Ids()
            .Select(id => MachineView.TryRead(context, id))
            .Any(record => record is not null && (record.Run?.Process.IsAlive == true || record.OwnerProcess?.IsAlive == true));

    private async Task WatchAsync(CancellationToken cancellationToken)
    {
        if (!Directory.Exists(context.Paths.MachinesDirectory) && !SpareService.IsWanted(context))
        {
            // Removed while this process started; it must not come back.
            return;
        }

        using CancellationTokenSource end = CancellationTokenSource.CreateLinkedTokenSource(cancellationToken);
        using LogGuard logs = new(context, options, say);
        using OwnerWatch owners = new(context, say);
        using NameService names = new(context, say);
        using SpareService spares = new(context, options, say);
        using MachineMonitor monitor = new(context, (id, process, descriptor) => ExitWitness.NoteAsync(context, id, process, descriptor, s_reapLimit));
        Task guarding = logs.RunAsync(end.Token);
        Task sparing = spares.RunAsync(end.Token);
        try
        {
            foreach (Guid id in monitor.Machines.Select(machine => machine.Id).ToArray())
            {
                await SeeToAsync(id, logs, owners, names);
            }

            while (await NextAsync(monitor, owners, cancellationToken) is { } change)
            {
                if (change.IsRemoved)
                {
                    names.Forget(change.VM.Id);
                }
                else
                {
                    await SeeToAsync(change.VM.Id, logs, owners, names);
                    // A VM that is new may be of another kind than the last.
                    spares.Look();
                }
            }
        }
        finally
        {
            await end.CancelAsync();
            await guarding.ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
            await sparing.ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
            if (guarding.Exception is { } failure)
            {
                say($"Logs were not looked after any more: {failure.InnerException!.Message}");
            }

            if (sparing.Exception is { } spareFailure)
            {
                say($"Network links were not kept ready any more: {spareFailure.InnerException!.Message}");
            }
        }
    }

    // Null when there is nothing to be done any more.
    private async Task<MachineChange?> NextAsync(MachineMonitor monitor, OwnerWatch owners, CancellationToken cancellationToken)
    {
        while (true)
        {
            if (monitor.Machines.Any(machine => machine.ProcessId is not null || machine.State is VmState.Starting or VmState.Restoring))
            {
                return await monitor.NextAsync(cancellationToken);
            }

            using CancellationTokenSource idle = CancellationTokenSource.CreateLinkedTokenSource(cancellationToken);
            idle.CancelAfter(options.IdleLimit);
            try
            {
                return await monitor.NextAsync(idle.Token);
            }
            catch (OperationCanceledException) when (!cancellationToken.IsCancellationRequested)
            {
                if (!owners.IsWaiting && !SpareService.IsWanted(context))
                {
                    return null;
                }
            }
        }
    }

    private async Task SeeToAsync(Guid id, LogGuard logs, OwnerWatch owners, NameService names)
    {
        if (MachineView.TryRead(context, id) is not { } record)
        {
            return;
        }

        names.Follow(record);
        if (record.OwnerProcess is { } owner)
        {
            owners.Follow(id, owner);
        }

        if (record.Run is not { } run)
        {
            return;
        }

        if (run.Process.IsAlive)
        {
            logs.Follow(id);
            return;
        }

        try
        {
            (await context.OpenAsync(id, MachineLock.KeeperOperation)).Dispose();
        }
        catch (MicroVmException exception) when (exception.ErrorId is ErrorIds.MicroVmBusy or ErrorIds.MicroVmNotFound)
        {
            // Whoever is at work on it puts it right, or has removed it.
        }
        catch (Exception exception) when (exception is MicroVmException or IOException or UnauthorizedAccessException)
        {
            say($"The record of VM '{record.Name}' could not be put right: {exception.Message}");
        }
    }
}
