using MicroVm.Engine.Native;

namespace MicroVm.Engine.State;

/// <summary>How a VMM ended, written by the process whose child it was, or by the keeper.</summary>
/// <param name="Process">The VMM.</param>
/// <param name="Exit">How it ended.</param>
/// <param name="At">When that was noticed.</param>
internal sealed record ExitRecord(ProcessIdentity Process, ProcessExit Exit, DateTimeOffset At)
{
    /// <summary>What the guest's console said last in that run: some lines without control characters; null when it said nothing.</summary>
    public string? ConsoleWords { get; init; }

    /// <summary>What the VMM itself said last, likewise.</summary>
    public string? VmmWords { get; init; }
}
