namespace MicroVm.Engine;

/// <summary>An observer that ignores everything.</summary>
public sealed class NullObserver : IOperationObserver
{
    private NullObserver()
    {
    }

    /// <summary>The one instance.</summary>
    public static NullObserver Instance { get; } = new();

    /// <inheritdoc/>
    public void Progress(OperationProgress progress)
    {
    }

    /// <inheritdoc/>
    public void Verbose(string message)
    {
    }

    /// <inheritdoc/>
    public void Warning(string message)
    {
    }
}
