using MicroVm.Engine.Native;

namespace MicroVm.Engine.State;

/// <summary>How a VMM ended, written by the process whose child it was.</summary>
internal sealed record ExitRecord(ProcessIdentity Process, ProcessExit Exit, DateTimeOffset At);
