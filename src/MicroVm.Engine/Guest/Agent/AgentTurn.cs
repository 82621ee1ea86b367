using Microsoft.Win32.SafeHandles;
using MicroVm.Engine.Native;

namespace MicroVm.Engine.Guest.Agent;

/// <summary>
/// The right to speak with a VM's agent, which answers one question at a time, across threads and processes; it dies with its holder. Whoever waits is next:
/// one who has just spoken has to pass the turnstile behind which the other already stands.
/// </summary>
internal sealed class AgentTurn : IDisposable
{
    private static readonly TimeSpan s_blindPause = TimeSpan.FromMilliseconds(20);

    private readonly SafeFileHandle _file;

    private AgentTurn(SafeFileHandle file) => _file = file;

    /// <summary>Waits for the turn.</summary>
    /// <param name="directory">The VM's run directory.</param>
    /// <param name="cancellationToken">Ends the wait.</param>
    public static async Task<AgentTurn> TakeAsync(string directory, CancellationToken cancellationToken)
    {
        using AgentTurn turnstile = await LockAsync(Path.Combine(directory, "agent-next.lock"), cancellationToken);
        return await LockAsync(Path.Combine(directory, "agent.lock"), cancellationToken);
    }

    /// <inheritdoc/>
    public void Dispose()
    {
        FileLock.Unlock(_file);
        // Whoever waits is told by the close.
        _file.Dispose();
    }

    // A user has 128 of them, mostly.
    private static FileWatch? TryWatch(string path)
    {
        try
        {
            return FileWatch.ForClose(path);
        }
        catch (LinuxException exception) when (exception.Errno == Errno.TooManyFiles)
        {
            return null;
        }
    }

    private static async Task<AgentTurn> LockAsync(string path, CancellationToken cancellationToken)
    {
        SafeFileHandle file = Descriptors.OpenUnlocked(path);
        try
        {
            if (!FileLock.TryLock(file))
            {
                using FileWatch? watch = TryWatch(path);
                while (!FileLock.TryLock(file))
                {
                    if (watch is null)
                    {
                        await Task.Delay(s_blindPause, cancellationToken);
                        continue;
                    }

                    await Readiness.ReadableAsync(watch.Handle, cancellationToken);
                    watch.Clear();
                }
            }

            return new AgentTurn(file);
        }
        catch
        {
            file.Dispose();
            throw;
        }
    }
}
