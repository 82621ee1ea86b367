namespace MicroVm.Engine.Guest.Commands;

/// <summary>How a command in a guest ended.</summary>
/// <param name="ExitCode">Its exit code; 128 and the signal's number where a signal ended it, as shells have it.</param>
/// <param name="Duration">From the call to the end as the host saw it.</param>
public sealed record GuestCommandEnd(int ExitCode, TimeSpan Duration);
