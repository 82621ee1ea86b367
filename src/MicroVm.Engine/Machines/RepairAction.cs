namespace MicroVm.Engine.Machines;

/// <summary>Something that a crash left, and what became of it.</summary>
public sealed record RepairAction
{
    /// <summary>What it is.</summary>
    public required RepairKind Kind { get; init; }

    /// <summary>A VM's name, or a path.</summary>
    public required string Target { get; init; }

    /// <summary>Why it is a case for repair, or why it was left.</summary>
    public required string Reason { get; init; }

    /// <summary>What became of it.</summary>
    public RepairResult Result { get; init; } = RepairResult.Found;

    /// <summary>Why it could not be put right, or null.</summary>
    public string? Error { get; init; }

    /// <summary>Puts it right, after looking again; null where that must not be done.</summary>
    internal Func<IOperationObserver, CancellationToken, Task<RepairResult>>? Mend { get; init; }
}
