namespace MicroVm.Engine.Machines;

/// <summary>
/// Changes of VMs as an event, for hosts that take events rather than sequences. VMs are watched while somebody listens: from the first handler that is added
/// until the last is taken away.
/// </summary>
/// <param name="engine">The engine whose VMs are watched.</param>
public sealed class MachineEvents(MicroVmEngine engine)
{
    private readonly Lock _lock = new();
    private EventHandler<MachineChangedEventArgs>? _handlers;
    private CancellationTokenSource? _watching;

    /// <summary>
    /// A VM appeared, changed its state or was removed, whoever did it. Raised on any thread, one event after the other. What happens after the adding of the
    /// handler has returned is told.
    /// </summary>
    /// <exception cref="Errors.MicroVmException">When the first handler is added: <see cref="Errors.ErrorIds.WatchLimitReached"/>.</exception>
    public event EventHandler<MachineChangedEventArgs>? StateChanged
    {
        add
        {
            lock (_lock)
            {
                if (_watching is null)
                {
                    MachineMonitor monitor = engine.Monitor();
                    _watching = new CancellationTokenSource();
                    _ = Task.Run(() => TellAsync(monitor, _watching));
                }

                _handlers += value;
            }
        }

        remove
        {
            lock (_lock)
            {
                _handlers -= value;
                if (_handlers is null)
                {
                    _watching?.Cancel();
                    _watching = null;
                }
            }
        }
    }

    private async Task TellAsync(MachineMonitor monitor, CancellationTokenSource watching)
    {
        using (monitor)
        {
            try
            {
                while (await monitor.NextAsync(watching.Token) is { } change)
                {
                    Raise(watching, new MachineChangedEventArgs(change));
                }
            }
            catch (OperationCanceledException) when (watching.IsCancellationRequested)
            {
                // Nobody listens any more.
            }
            catch (Exception exception)
            {
                // There is nobody to catch it here, but somebody who waits.
                Raise(watching, new MachineChangedEventArgs(null, exception));
            }
        }
    }

    private void Raise(CancellationTokenSource watching, MachineChangedEventArgs told)
    {
        EventHandler<MachineChangedEventArgs>? handlers;
        lock (_lock)
        {
            handlers = watching.IsCancellationRequested ? null : _handlers;
        }

        handlers?.Invoke(this, told);
    }
}
