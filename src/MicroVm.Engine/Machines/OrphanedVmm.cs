using MicroVm.Engine.Errors;
using MicroVm.Engine.Isolation;
using MicroVm.Engine.Native;
using MicroVm.Engine.State;
using MicroVm.Engine.Vmm;

namespace MicroVm.Engine.Machines;

/// <summary>A VMM whose process no record names. Its run directory leads to it: by its socket, and by the mark in its environment.</summary>
internal static class OrphanedVmm
{
    private static readonly TimeSpan s_quitLimit = TimeSpan.FromSeconds(2);

    /// <summary>Whether a VMM holds the run directory: its socket takes connections, or a process bears its mark.</summary>
    public static async Task<bool> IsAliveAsync(IVmmDriver driver, string runDirectory, CancellationToken cancellationToken)
    {
        if (VmmSearch.Find(RunDirectories.ScratchIn(runDirectory)).Count > 0)
        {
            return true;
        }

        try
        {
            using CancellationTokenSource limit = CancellationTokenSource.CreateLinkedTokenSource(cancellationToken);
            limit.CancelAfter(s_quitLimit);
            await (await driver.ConnectAsync(runDirectory, limit.Token)).DisposeAsync();
            return true;
        }
        catch (VmmConnectionException)
        {
            return false;
        }
        catch (Exception exception) when (!cancellationToken.IsCancellationRequested
            && exception is OperationCanceledException or MicroVmException { Kind: ErrorKind.Timeout })
        {
            // It listens, and does not answer.
            return true;
        }
    }

    /// <summary>Ends the VMM of a run directory that was made for a VM of ours, if there is one, and waits until it is gone.</summary>
    /// <exception cref="MicroVmException"><see cref="ErrorIds.MicroVmTimeout"/>: it does not answer and cannot be found, or sits in the kernel.</exception>
    public static async Task EndAsync(IVmmDriver driver, string runDirectory)
    {
        IReadOnlyList<ProcessIdentity> processes = VmmSearch.Find(RunDirectories.ScratchIn(runDirectory));
        bool answers = await QuitAsync(driver, runDirectory);
        foreach (ProcessIdentity process in processes)
        {
            if (!answers || !await VmmProcess.WaitForEndAsync(process, s_quitLimit, CancellationToken.None))
            {
                await VmmProcess.KillAsync(process);
            }
        }

        if (processes.Count == 0 && !answers && await IsAliveAsync(driver, runDirectory, CancellationToken.None))
        {
            throw new MicroVmException(ErrorIds.MicroVmTimeout, ErrorKind.Timeout, $"A VMM whose start was interrupted holds '{runDirectory}' and does not answer.")
            {
                Target = runDirectory,
                RecommendedAction = $"Find it with: fuser {runDirectory}/*",
            };
        }
    }

    private static async Task<bool> QuitAsync(IVmmDriver driver, string runDirectory)
    {
        try
        {
            using CancellationTokenSource limit = new(s_quitLimit);
            await using IVmmConnection connection = await driver.ConnectAsync(runDirectory, limit.Token);
            await connection.QuitAsync(limit.Token);
            return true;
        }
        catch (Exception exception) when (exception is VmmConnectionException or OperationCanceledException or MicroVmException)
        {
            // It never started, has ended or hangs.
            return false;
        }
    }
}
