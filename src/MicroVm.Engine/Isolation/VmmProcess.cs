using MicroVm.Engine.Errors;
using MicroVm.Engine.Native;

namespace MicroVm.Engine.Isolation;

/// <summary>Ends VMM processes and waits for their end; never touches a process that is not the one recorded.</summary>
internal static class VmmProcess
{
    // A process that ignores SIGKILL for longer sits in the kernel, and only the user can decide what then.
    private static readonly TimeSpan s_killLimit = TimeSpan.FromSeconds(10);

    /// <summary>Opens the process, which may be a zombie, or gives null when it is gone.</summary>
    public static ProcessDescriptor? Open(ProcessIdentity identity)
    {
        ProcessDescriptor? process = ProcessDescriptor.TryOpen(identity.ProcessId);
        if (process is null || identity.Exists)
        {
            return process;
        }

        // Looked at after it was opened: the number belongs to another process by now.
        process.Dispose();
        return null;
    }

    /// <summary>Waits until the process has ended.</summary>
    /// <returns>False when the wait ran out.</returns>
    public static async Task<bool> WaitForEndAsync(ProcessIdentity identity, TimeSpan limit, CancellationToken cancellationToken)
    {
        bool ended = await Task.Run(
            () =>
            {
                using ProcessDescriptor? process = Open(identity);
                return process is null || process.WaitForEnd(limit, cancellationToken);
            },
            cancellationToken);
        if (ended)
        {
            ChildReaper.ReapEnded();
        }

        return ended;
    }

    /// <summary>Kills the process and waits until it is gone.</summary>
    /// <exception cref="MicroVmException"><see cref="ErrorIds.MicroVmTimeout"/>: it sits in the kernel.</exception>
    public static async Task KillAsync(ProcessIdentity identity)
    {
        using (ProcessDescriptor? process = Open(identity))
        {
            process?.Signal(Signals.Kill);
        }

        if (!await WaitForEndAsync(identity, s_killLimit, CancellationToken.None))
        {
            throw new MicroVmException(
                ErrorIds.MicroVmTimeout, ErrorKind.Timeout, $"Process {identity.ProcessId} did not end within {s_killLimit.TotalSeconds} s of SIGKILL.")
            {
                Target = identity.ProcessId,
                RecommendedAction = "Look for a hung disk or file system in the kernel's log (dmesg).",
            };
        }
    }
}
