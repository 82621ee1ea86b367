using System.Diagnostics;
using MicroVm.Engine.Errors;
using MicroVm.Engine.State;
using MicroVm.Engine.Tests.Support;

namespace MicroVm.Engine.Tests.State;

public sealed class MachineLockTests : IDisposable
{
    private readonly Scratch _scratch = new();

    public void Dispose() => _scratch.Dispose();

    [Fact]
    public void Second_holder_is_told_who_holds_it()
    {
        using MachineLock held = MachineLock.Acquire(_scratch.Path, "web", "Save-MicroVmSnapshot");

        MicroVmException error = Assert.Throws<MicroVmException>(() => MachineLock.Acquire(_scratch.Path, "web", "Stop-MicroVm"));

        Assert.Equal(ErrorIds.MicroVmBusy, error.ErrorId);
        Assert.Contains($"process {Environment.ProcessId} (Save-MicroVmSnapshot)", error.Message, StringComparison.Ordinal);
        Assert.Contains("'web'", error.Message, StringComparison.Ordinal);
    }

    [Fact]
    public void Lock_can_be_taken_again_after_it_was_given_back()
    {
        MachineLock.Acquire(_scratch.Path, "web", "a longer description of the first").Dispose();
        using MachineLock held = MachineLock.Acquire(_scratch.Path, "web", "second");

        MicroVmException error = Assert.Throws<MicroVmException>(() => MachineLock.Acquire(_scratch.Path, "web", "third"));

        Assert.EndsWith("(second).", error.Message, StringComparison.Ordinal);
    }

    [Fact]
    public async Task Keeper_is_waited_for_and_nobody_else()
    {
        MachineLock keepers = MachineLock.Acquire(_scratch.Path, "web", MachineLock.KeeperOperation);
        Task<MachineLock> waiting = MachineLock.AcquireAsync(_scratch.Path, "web", "Remove-MicroVm");
        Assert.False(waiting.IsCompleted);

        keepers.Dispose();

        using MachineLock held = await waiting.Within("the lock");
        MicroVmException error = await Assert.ThrowsAsync<MicroVmException>(() => MachineLock.AcquireAsync(_scratch.Path, "web", "Stop-MicroVm"));
        Assert.EndsWith("(Remove-MicroVm).", error.Message, StringComparison.Ordinal);
    }

    [Fact]
    public void Looking_takes_nothing()
    {
        Assert.False(MachineLock.IsHeld(_scratch.Path));
        Assert.Empty(Directory.GetFileSystemEntries(_scratch.Path));
        using (MachineLock.Acquire(_scratch.Path, "web", "a"))
        {
            Assert.True(MachineLock.IsHeld(_scratch.Path));
            Assert.True(MachineLock.IsHeld(_scratch.Path));
        }

        Assert.False(MachineLock.IsHeld(_scratch.Path));
        using MachineLock held = MachineLock.Acquire(_scratch.Path, "web", "b");
    }

    [Fact]
    public void Looking_makes_no_file_in_a_directory_that_is_gone()
    {
        Assert.False(MachineLock.IsHeld(_scratch.File("none")));
        Assert.False(Directory.Exists(_scratch.File("none")));
    }

    [Fact(Timeout = 60_000)]
    public async Task Only_one_of_many_threads_holds_it()
    {
        int inside = 0;
        int entered = 0;
        await Task.WhenAll(Enumerable.Range(0, 8).Select(_ => Task.Run(() =>
        {
            for (int i = 0; i < 500; i++)
            {
                try
                {
                    using MachineLock held = MachineLock.Acquire(_scratch.Path, "web", "race");
                    Assert.Equal(1, Interlocked.Increment(ref inside));
                    Interlocked.Increment(ref entered);
                    Interlocked.Decrement(ref inside);
                }
                catch (MicroVmException exception) when (exception.ErrorId == ErrorIds.MicroVmBusy)
                {
                    // Another one was quicker.
                }
            }
        })));
        Assert.True(entered > 0);
    }

    [Fact(Timeout = 60_000)]
    public async Task Lock_dies_with_its_holder()
    {
        using Process other = OtherEngine.Start("lock", _scratch.Path);
        try
        {
            Assert.Equal("held", await other.StandardOutput.ReadLineAsync().Within("the other process to take the lock"));
            Assert.True(MachineLock.IsHeld(_scratch.Path));
            MicroVmException error = Assert.Throws<MicroVmException>(() => MachineLock.Acquire(_scratch.Path, "web", "mine"));
            Assert.Contains($"process {other.Id} (", error.Message, StringComparison.Ordinal);
        }
        finally
        {
            other.Kill();
            await other.WaitForExitAsync().Within("the other process to end");
        }

        Assert.False(MachineLock.IsHeld(_scratch.Path));
        MachineLock.Acquire(_scratch.Path, "web", "mine").Dispose();
    }
}
