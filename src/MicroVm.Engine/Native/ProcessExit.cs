namespace MicroVm.Engine.Native;

/// <summary>How a process ended: one of the two is set.</summary>
/// <param name="Code">The exit code.</param>
/// <param name="Signal">The number of the signal that ended it.</param>
internal sealed record ProcessExit(int? Code, int? Signal)
{
    /// <summary>What wait(2) and the kernel's other calls give: the signal in the low bits, else the exit code in those above.</summary>
    public static ProcessExit OfStatus(int status) => (status & 0x7f) is > 0 and var signal ? new ProcessExit(null, signal) : new ProcessExit((status >> 8) & 0xff, null);

    /// <inheritdoc/>
    public override string ToString() => Code is { } code ? $"exit code {code}" : $"signal {SignalName}";

    private string SignalName => Signal switch
    {
        6 => "SIGABRT",
        9 => "SIGKILL",
        11 => "SIGSEGV",
        15 => "SIGTERM",
        31 => "SIGSYS",
        _ => $"{Signal}",
    };
}
