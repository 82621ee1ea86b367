using System.Threading.Channels;
using MicroVm.Engine.Machines;
using MicroVm.Engine.Native;

namespace MicroVm.Engine.Keeper;

/// <summary>
/// Cuts the logs of VMs that run when they get too long. A log that nobody writes to costs nothing, one that is written to all the time a look a second: it is
/// watched for one write, and armed again later.
/// </summary>
internal sealed class LogGuard(EngineContext context, KeeperOptions options, Action<string> say) : IDisposable
{
    private readonly DirectoryWatch _watch = new();
    private readonly Channel<Guid> _due = Channel.CreateUnbounded<Guid>();
    // What is armed, by watch.
    private readonly Dictionary<int, Guid> _armed = [];
    private bool _hasWarned;

    /// <summary>Begins to look after a VM whose VMM runs; thread-safe.</summary>
    public void Follow(Guid id) => _due.Writer.TryWrite(id);

    /// <summary>Looks after logs until it is cancelled.</summary>
    public async Task RunAsync(CancellationToken cancellationToken)
    {
        while (true)
        {
            while (_due.Reader.TryRead(out Guid id))
            {
                Look(id);
            }

            await TaskRace.FirstAsync(
                cancellationToken, token => Readiness.ReadableAsync(_watch.Handle, token), token => _due.Reader.WaitToReadAsync(token).AsTask());
            foreach (DirectoryEvent written in _watch.Read())
            {
                if (_armed.Remove(written.Watch, out Guid id))
                {
                    _ = FollowLaterAsync(id, cancellationToken);
                }
            }
        }
    }

    /// <inheritdoc/>
    public void Dispose() => _watch.Dispose();

    private async Task FollowLaterAsync(Guid id, CancellationToken cancellationToken)
    {
        await Task.Delay(options.LogInterval, cancellationToken).ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
        Follow(id);
    }

    // Armed before the look: what is written in between is told.
    private void Look(Guid id)
    {
        if (MachineView.TryRead(context, id) is not { Run: { } run } record || !run.Process.IsAlive)
        {
            return;
        }

        try
        {
            foreach (string log in (string[])[context.Machines.SerialLogOf(id), context.Machines.VmmLogOf(id)])
            {
                if (_watch.TryArm(log) is { } armed)
                {
                    _armed[armed] = id;
                }
            }

            if (MachineLogs.Cut(context, record, options.LogBound) is { } uncut && !_hasWarned)
            {
                _hasWarned = true;
                say($"'{uncut}' is too long and cannot be cut: its file system has no holes. Logs there are not bounded.");
            }
        }
        catch (Exception exception) when (exception is IOException or UnauthorizedAccessException)
        {
            say($"The logs of VM '{record.Name}' are not looked after: {exception.Message}");
        }
    }
}
