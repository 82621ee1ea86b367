using MicroVm.Engine.Isolation;
using MicroVm.Engine.Native;

namespace MicroVm.Engine.Machines;

/// <summary>Notes how VMMs ended that are nobody's child any more, or somebody else's.</summary>
internal static class ExitWitness
{
    // A VMM whose parent does not reap it, because it is stopped for one, is looked at as it is.
    private static readonly TimeSpan s_reapLimit = TimeSpan.FromSeconds(5);

    /// <summary>Notes how a VMM ended that has just ended; where the kernel does not tell, nothing.</summary>
    public static async Task NoteAsync(EngineContext context, Guid id, ProcessIdentity process, ProcessDescriptor descriptor)
    {
        ChildReaper.ReapEnded();
        ProcessExit? exit = process.UnreapedFailure;
        if (exit is null)
        {
            using CancellationTokenSource limit = new(s_reapLimit);
            await Readiness.HangUpAsync(descriptor.Handle, limit.Token).ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
            exit = descriptor.TryGetExit();
        }

        // Of a run that is over nobody asks any more, and the note may be that of the next one.
        if (exit is not null && MachineView.TryRead(context, id)?.Run is { } run && run.Process == process)
        {
            ExitNotes.Write(context, id, process, exit, run.SerialLogOffset);
        }
    }
}
