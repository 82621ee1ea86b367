using System.Text;
using MicroVm.Engine.Errors;
using MicroVm.Engine.Native;

namespace MicroVm.Engine.State;

/// <summary>
/// How one process asks another to give up what it does with a VM: by a file in the VM's directory. Who makes, starts or restores a VM watches for it and takes
/// it for a cancellation, so that what was begun is undone by whoever began it.
/// </summary>
internal sealed class EndRequest : IDisposable
{
    private const string FileName = "end-request";

    // Nobody is told of a lock that is given back: it is looked at again.
    private static readonly TimeSpan s_shortestPause = TimeSpan.FromMilliseconds(1);
    private static readonly TimeSpan s_longestPause = TimeSpan.FromMilliseconds(50);

    private readonly string _path;
    private readonly string _vmName;
    private readonly CancellationToken _callers;
    private readonly CancellationTokenSource _ended;
    private readonly CancellationTokenSource _unwatched = new();
    private readonly FileWatch? _watch;
    private string? _by;

    private EndRequest(string directory, string vmName, CancellationToken cancellationToken)
    {
        _path = Path.Combine(directory, FileName);
        _vmName = vmName;
        _callers = cancellationToken;
        _ended = CancellationTokenSource.CreateLinkedTokenSource(cancellationToken);
        try
        {
            // What nobody met before this operation began was not meant for it.
            File.Delete(_path);
            _watch = FileWatch.ForArrival(directory);
        }
        catch (Exception exception) when (exception is LinuxException or IOException or UnauthorizedAccessException)
        {
            // The user's inotify watches are used up: then nobody can ask.
            return;
        }

        _ = WatchAsync(_watch);
    }

    /// <summary>Cancelled by the caller, or by whoever asks.</summary>
    public CancellationToken Token => _ended.Token;

    /// <summary>Begins to watch. The caller holds the VM's lock.</summary>
    /// <param name="directory">The VM's directory.</param>
    /// <param name="vmName">The VM's name, for the error.</param>
    /// <param name="cancellationToken">The caller's own cancellation.</param>
    public static EndRequest Watch(string directory, string vmName, CancellationToken cancellationToken) => new(directory, vmName, cancellationToken);

    /// <summary>Asks for the end of the operation that holds a VM's lock, and waits until it has given it back or the VM is gone.</summary>
    /// <param name="directory">The VM's directory.</param>
    /// <param name="operation">Whose wish it is.</param>
    /// <param name="limit">How long to wait.</param>
    /// <param name="cancellationToken">Ends the wait.</param>
    /// <returns>Whether it ended in time.</returns>
    public static async Task<bool> SendAsync(string directory, string operation, TimeSpan limit, CancellationToken cancellationToken)
    {
        string path = Path.Combine(directory, FileName);
        long deadline = Environment.TickCount64 + (long)limit.TotalMilliseconds;
        byte[] sender = Encoding.UTF8.GetBytes($"process {Environment.ProcessId} ({operation})");
        try
        {
            for (TimeSpan pause = s_shortestPause; MachineLock.IsHeld(directory); pause = Pauses.After(pause, s_longestPause))
            {
                if (Environment.TickCount64 > deadline)
                {
                    return false;
                }

                // Again, too: one that is sent before the other watches is thrown away.
                if (!File.Exists(path))
                {
                    AtomicFile.Write(path, sender, lasting: false);
                }

                await Task.Delay(pause, cancellationToken);
            }

            return true;
        }
        catch (DirectoryNotFoundException)
        {
            // What was being made is undone.
            return true;
        }
        finally
        {
            Withdraw(path);
        }
    }

    /// <summary>What an operation failed of: for a cancellation that was asked for by another process, an error that says so.</summary>
    public Exception Explain(Exception failure) => failure is OperationCanceledException && _by is { } sender && !_callers.IsCancellationRequested
        ? new MicroVmException(ErrorIds.OperationEnded, ErrorKind.Ended, $"What was being done with VM '{_vmName}' was ended by {sender}.", failure) { Target = _vmName }
        : failure;

    /// <inheritdoc/>
    public void Dispose()
    {
        // The watch is closed by whoever reads from it.
        _unwatched.Cancel();
        _ended.Dispose();
    }

    private static void Withdraw(string path)
    {
        try
        {
            File.Delete(path);
        }
        catch (Exception exception) when (exception is IOException or UnauthorizedAccessException)
        {
            // Nobody minds one that is late.
        }
    }

    private async Task WatchAsync(FileWatch watch)
    {
        using (watch)
        {
            try
            {
                while (true)
                {
                    await Readiness.ReadableAsync(watch.Handle, _unwatched.Token);
                    watch.Clear();
                    if (File.Exists(_path))
                    {
                        _by = await File.ReadAllTextAsync(_path, _unwatched.Token);
                        await _ended.CancelAsync();
                        return;
                    }
                }
            }
            catch (Exception exception) when (exception is OperationCanceledException or ObjectDisposedException or IOException or LinuxException)
            {
                // The operation has ended by itself, or whoever asked has changed their mind.
            }
        }
    }
}
