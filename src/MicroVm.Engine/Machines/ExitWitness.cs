using MicroVm.Engine.Isolation;
using MicroVm.Engine.Native;

namespace MicroVm.Engine.Machines;

/// <summary>Notes how VMMs ended that are nobody's child any more, or somebody else's.</summary>
internal static class ExitWitness
{
    /// <summary>Notes how a VMM ended that has just ended; where the kernel does not tell, nothing.</summary>
    /// <param name="context">The engine.</param>
    /// <param name="id">The VM.</param>
    /// <param name="process">The VMM.</param>
    /// <param name="descriptor">The VMM, opened while it lived.</param>
    /// <param name="reapLimit">How long to wait for its parent, which may be stopped, to reap it; then it is looked at as it is.</param>
    public static async Task NoteAsync(EngineContext context, Guid id, ProcessIdentity process, ProcessDescriptor descriptor, TimeSpan reapLimit)
    {
        ChildReaper.ReapEnded();
        ProcessExit? exit = process.UnreapedFailure;
        if (exit is null && process.Exists)
        {
            using CancellationTokenSource limit = new(reapLimit);
            await Readiness.HangUpAsync(descriptor.Handle, limit.Token).ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
        }

        exit ??= descriptor.TryGetExit();

        // Of a run that is over nobody asks any more, and the note may be that of the next one.
        if (exit is not null && MachineView.TryRead(context, id)?.Run is { } run && run.Process == process)
        {
            ExitNotes.Write(context, id, process, exit, run.SerialLogOffset, run.VmmLogOffset);
        }
    }
}
