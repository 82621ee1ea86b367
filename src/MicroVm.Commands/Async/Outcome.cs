namespace MicroVm.Commands.Async;

/// <summary>What came of the work on one target: an object, or a failure.</summary>
/// <param name="Target">The target.</param>
/// <param name="Item">The object, or null.</param>
/// <param name="Failure">The failure, or null.</param>
internal sealed record Outcome<TTarget>(TTarget Target, object? Item, Exception? Failure);
