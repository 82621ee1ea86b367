using MicroVm.Engine.Errors;
using MicroVm.Engine.Guest;
using MicroVm.Engine.Isolation;
using MicroVm.Engine.State;

namespace MicroVm.Engine.Machines;

/// <summary>Says why a VMM is not there any more.</summary>
internal static class VmmFailure
{
    private const int LastWords = 5;

    /// <summary>The error for a VMM that closed its socket: how the process ended and what it said last.</summary>
    public static MicroVmException Ended(EngineContext context, MachineRecord record, MachineRun run, Exception cause)
    {
        // The socket closes a little before the process is gone and its status is there.
        bool ended = VmmProcess.WaitForEndAsync(run.Process, TimeSpan.FromSeconds(1), CancellationToken.None).GetAwaiter().GetResult();
        string how = context.Machines.ReadExit(record.Id, run.Process)?.Exit.ToString() ?? (ended ? "an unknown status" : "no exit yet");
        string words = LogFile.LastLines(context.Machines.VmmLogOf(record.Id), LastWords, run.VmmLogOffset);
        return new MicroVmException(
            ErrorIds.HypervisorExited,
            ErrorKind.ResourceUnavailable,
            $"{record.Hardware.Hypervisor} of VM '{record.Name}' ended with {how}{(words.Length == 0 ? "." : $": {words}")}",
            cause)
        {
            Target = record.Name,
            RecommendedAction = $"Get-MicroVmLog {record.Name} -Source Vmm shows all it said.",
        };
    }
}
