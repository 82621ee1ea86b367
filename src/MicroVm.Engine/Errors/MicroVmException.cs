namespace MicroVm.Engine.Errors;

/// <summary>
/// The failure of an engine operation. The message is one short sentence; the cause is chained, never copied into it.
/// </summary>
public class MicroVmException : Exception
{
    /// <summary>Makes a failure.</summary>
    /// <param name="errorId">One of <see cref="ErrorIds"/>.</param>
    /// <param name="kind">The kind of failure.</param>
    /// <param name="message">One sentence that names the value or thing concerned.</param>
    /// <param name="inner">The cause, if there is one.</param>
    public MicroVmException(string errorId, ErrorKind kind, string message, Exception? inner = null)
        : base(message, inner)
    {
        ErrorId = errorId;
        Kind = kind;
    }

    /// <summary>The stable identifier, one of <see cref="ErrorIds"/>.</summary>
    public string ErrorId { get; }

    /// <summary>The kind of failure.</summary>
    public ErrorKind Kind { get; }

    /// <summary>The name, id or path the failure is about.</summary>
    public object? Target { get; init; }

    /// <summary>What the user can do about it, as a sentence or a command; null when there is nothing to recommend.</summary>
    public string? RecommendedAction { get; init; }
}
