namespace MicroVm.Engine;

/// <summary>
/// Hears of an operation's progress. Calls come from any thread, in order, and must return quickly.
/// </summary>
public interface IOperationObserver
{
    /// <summary>Says how far the operation is.</summary>
    void Progress(OperationProgress progress);

    /// <summary>Says something a curious user may read, phase timings among them.</summary>
    void Verbose(string message);

    /// <summary>Says something the user should know though the operation goes on.</summary>
    void Warning(string message);
}
