using MicroVm.Engine.Guest;
using MicroVm.Engine.State;

namespace MicroVm.Engine.Machines;

/// <summary>Keeps the logs of a VM from filling the disk.</summary>
internal static class MachineLogs
{
    /// <summary>Cuts what is too long of a VM's two logs. That the guest was ready is noted before the words that say so are cut off.</summary>
    /// <returns>The log that cannot be cut because the file system has no holes, or null.</returns>
    /// <exception cref="IOException">A system call failed.</exception>
    public static string? Cut(EngineContext context, MachineRecord record, LogBound bound)
    {
        string serial = context.Machines.SerialLogOf(record.Id);
        if (record.Run is { } run && bound.Exceeds(serial) && GuestIsReady(context, record, run))
        {
            context.Machines.NoteReady(record.Id, run);
        }

        string? uncut = null;
        foreach (string log in (string[])[serial, context.Machines.VmmLogOf(record.Id)])
        {
            if (bound.Apply(log) == LogCut.Impossible)
            {
                uncut = log;
            }
        }

        return uncut;
    }

    /// <summary>As <see cref="Cut"/>, where something else matters more.</summary>
    public static void TryCut(EngineContext context, MachineRecord record)
    {
        try
        {
            Cut(context, record, LogBound.Standard);
        }
        catch (Exception exception) when (exception is IOException or UnauthorizedAccessException)
        {
            // The log stays as long as it is.
        }
    }

    /// <summary>Whether the guest has said in this run that it is ready; false for one that has no words for it.</summary>
    public static bool GuestIsReady(EngineContext context, MachineRecord record, MachineRun run) =>
        record.Boot.ReadyMarker is { } marker
        && (run.ReadyAtStart
            || context.Machines.WasNotedReady(record.Id, run)
            || LogFile.Contains(context.Machines.SerialLogOf(record.Id), run.SerialLogOffset, marker));
}
