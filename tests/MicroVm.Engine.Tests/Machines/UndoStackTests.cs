using MicroVm.Engine.Machines;
using MicroVm.Engine.Tests.Support;

namespace MicroVm.Engine.Tests.Machines;

public sealed class UndoStackTests
{
    private readonly UndoStack _undo = new();
    private readonly RecordingObserver _observer = new();
    private readonly List<string> _undone = [];

    [Fact]
    public async Task Steps_are_undone_in_reverse()
    {
        Push("first");
        Push("second");
        _undo.Push("third", async () =>
        {
            await Task.Yield();
            _undone.Add("third");
        });

        await _undo.RollBackAsync(_observer);

        Assert.Equal(["third", "second", "first"], _undone);
        Assert.Empty(_observer.Warnings);
    }

    [Fact]
    public async Task Step_that_fails_is_reported_and_the_rest_undone()
    {
        Push("first");
        _undo.Push("directory /x", () => throw new IOException("It is in use."));
        _undo.Push("process 7", () => Task.FromException(new InvalidOperationException("It hangs.")));
        Push("last");

        await _undo.RollBackAsync(_observer);

        Assert.Equal(["last", "first"], _undone);
        Assert.Equal(["Left behind: process 7 (It hangs.)", "Left behind: directory /x (It is in use.)"], _observer.Warnings);
    }

    [Fact]
    public async Task Nothing_is_undone_after_success_and_nothing_twice()
    {
        Push("kept");
        _undo.Commit();
        Push("undone");

        await _undo.RollBackAsync(_observer);
        await _undo.RollBackAsync(_observer);

        Assert.Equal(["undone"], _undone);
    }

    private void Push(string name) => _undo.Push(name, () => _undone.Add(name));
}
