using System.Diagnostics;
using System.Globalization;

namespace MicroVm.Engine.Machines;

/// <summary>Tells the observer how long each phase of an operation took.</summary>
internal sealed class PhaseTimer(IOperationObserver observer, string operation)
{
    private readonly long _start = Stopwatch.GetTimestamp();
    private long _phaseStart = Stopwatch.GetTimestamp();

    /// <summary>Ends a phase; the next one begins.</summary>
    public void Mark(string phase)
    {
        long now = Stopwatch.GetTimestamp();
        Tell(phase, Stopwatch.GetElapsedTime(_phaseStart, now));
        _phaseStart = now;
    }

    /// <summary>Ends the operation.</summary>
    public void Done() => Tell("total", Stopwatch.GetElapsedTime(_start));

    private void Tell(string phase, TimeSpan time) =>
        observer.Verbose(string.Create(CultureInfo.InvariantCulture, $"{operation}: {phase} {time.TotalMilliseconds:0.0} ms"));
}
