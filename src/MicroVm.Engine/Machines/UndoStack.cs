namespace MicroVm.Engine.Machines;

/// <summary>
/// What a plan has done so far, so that it can be undone in reverse when a later step fails. Undoing ignores the caller's cancellation and goes on after a
/// step that cannot be undone, which it reports.
/// </summary>
internal sealed class UndoStack
{
    private readonly Stack<Step> _steps = new();

    /// <summary>Adds a step.</summary>
    /// <param name="what">What is left behind if undoing fails, such as "directory /run/…".</param>
    /// <param name="undo">Undoes it; runs at most once.</param>
    public void Push(string what, Func<Task> undo) => _steps.Push(new Step(what, undo));

    /// <summary>Adds a step that is undone at once.</summary>
    public void Push(string what, Action undo) => Push(
        what,
        () =>
        {
            undo();
            return Task.CompletedTask;
        });

    /// <summary>Forgets everything: the plan has succeeded.</summary>
    public void Commit() => _steps.Clear();

    /// <summary>Undoes everything.</summary>
    public async Task RollBackAsync(IOperationObserver observer)
    {
        while (_steps.TryPop(out Step? step))
        {
            try
            {
                await step.Undo();
            }
            catch (Exception exception)
            {
                observer.Warning($"Left behind: {step.What} ({exception.Message})");
            }
        }
    }

    private sealed record Step(string What, Func<Task> Undo);
}
