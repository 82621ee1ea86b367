using MicroVm.Engine;

namespace MicroVm.Samples;

/// <summary>Writes warnings, and the phases' durations if asked, to standard error.</summary>
internal sealed class ConsoleObserver(bool verbose) : IOperationObserver
{
    /// <inheritdoc/>
    public void Progress(OperationProgress progress)
    {
    }

    /// <inheritdoc/>
    public void Verbose(string message)
    {
        if (verbose)
        {
            Console.Error.WriteLine(message);
        }
    }

    /// <inheritdoc/>
    public void Warning(string message) => Console.Error.WriteLine($"warning: {message}");
}
