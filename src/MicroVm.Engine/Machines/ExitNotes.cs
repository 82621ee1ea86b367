using MicroVm.Engine.Guest;
using MicroVm.Engine.Native;
using MicroVm.Engine.State;

namespace MicroVm.Engine.Machines;

/// <summary>Notes how VMMs ended and what was said last, so that both outlive the next start.</summary>
internal static class ExitNotes
{
    private const int ConsoleLines = 10;
    private const int VmmLines = 5;

    /// <summary>Notes the end of a VMM, unless it is noted already.</summary>
    /// <param name="context">The engine.</param>
    /// <param name="id">The VM.</param>
    /// <param name="process">The VMM.</param>
    /// <param name="exit">How it ended.</param>
    /// <param name="serialLogOffset">Where in the serial log its run began.</param>
    /// <param name="vmmLogOffset">Where in the VMM's log its run began.</param>
    public static void Write(EngineContext context, Guid id, ProcessIdentity process, ProcessExit exit, long serialLogOffset, long vmmLogOffset)
    {
        if (context.Machines.ReadExit(id, process) is null)
        {
            context.Machines.WriteExit(id, new ExitRecord(process, exit, DateTimeOffset.Now)
            {
                ConsoleWords = Words(context.Machines.SerialLogOf(id), ConsoleLines, serialLogOffset),
                VmmWords = Words(context.Machines.VmmLogOf(id), VmmLines, vmmLogOffset),
            });
        }
    }

    /// <summary>What was said last, console first; null when nothing was, or nobody saw the end.</summary>
    public static string? LastWordsOf(EngineContext context, Guid id)
    {
        string[] words = context.Machines.ReadExit(id) is { } note ? [.. ((string?[])[note.ConsoleWords, note.VmmWords]).OfType<string>()] : [];
        return words.Length == 0 ? null : string.Join('\n', words);
    }

    private static string? Words(string log, int count, long offset) =>
        LogFile.Last(log, count, offset) is { Count: > 0 } lines ? string.Join('\n', lines) : null;
}
