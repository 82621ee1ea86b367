using System.Collections.Concurrent;

namespace MicroVm.Engine.Tests.Support;

/// <summary>Remembers what it hears, and lets a test act on it.</summary>
internal sealed class RecordingObserver : IOperationObserver
{
    public ConcurrentQueue<string> Warnings { get; } = new();

    public ConcurrentQueue<string> Verboses { get; } = new();

    public ConcurrentQueue<OperationProgress> Reports { get; } = new();

    /// <summary>Called with each verbose message and each status, on the thread that tells it.</summary>
    public Action<string>? Heard { get; init; }

    public void Progress(OperationProgress progress)
    {
        Reports.Enqueue(progress);
        Heard?.Invoke(progress.Status);
    }

    public void Verbose(string message)
    {
        Verboses.Enqueue(message);
        Heard?.Invoke(message);
    }

    public void Warning(string message) => Warnings.Enqueue(message);
}
