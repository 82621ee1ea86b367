using MicroVm.Engine.Keeper;
using MicroVm.Engine.Native;
using MicroVm.Engine.Tests.Support;

namespace MicroVm.Engine.Tests.Keeper;

public sealed class KeeperLockTests : IDisposable
{
    private static readonly KeeperNote s_note = new(ProcessIdentity.Self, KeeperNote.CurrentVersion, new DateTimeOffset(2026, 11, 21, 1, 2, 3, TimeSpan.FromHours(1)), "/module", "1-2");

    private readonly Scratch _scratch = new();

    public void Dispose() => _scratch.Dispose();

    [Fact]
    public void There_is_one_at_a_time()
    {
        Assert.Equal((false, null), KeeperLock.Look(_scratch.Paths));
        using (KeeperLock first = KeeperLock.TryAcquire(_scratch.Paths)!)
        {
            first.Note(s_note);
            Assert.Null(KeeperLock.TryAcquire(_scratch.Paths));
            Assert.Equal((true, s_note), KeeperLock.Look(_scratch.Paths));
        }

        Assert.Equal((false, null), KeeperLock.Look(_scratch.Paths));
        using KeeperLock? second = KeeperLock.TryAcquire(_scratch.Paths);
        Assert.NotNull(second);
    }

    [Theory]
    [InlineData("0.0.0.1", true)]
    [InlineData("nonsense", true)]
    [InlineData("999.0.0.0", false)]
    public void Older_keeper_is_outdated_and_a_newer_one_never(string version, bool isOutdated)
    {
        string module = _scratch.File("module");
        File.WriteAllText(module, "");
        KeeperNote note = s_note with { ModuleFile = module, ModuleStamp = KeeperNote.StampOf(module) };

        Assert.False(note.IsOutdated);
        Assert.Equal(isOutdated, (note with { Version = version }).IsOutdated);
    }

    [Fact]
    public void Looking_takes_nothing_and_a_note_that_is_none_is_none()
    {
        using KeeperLock held = KeeperLock.TryAcquire(_scratch.Paths)!;
        RandomAccess.Write(held.File, "{\"process\":"u8, 0);

        Assert.Equal((true, null), KeeperLock.Look(_scratch.Paths));

        held.Release();
        Assert.Equal((false, null), KeeperLock.Look(_scratch.Paths));
        Assert.True(held.TryTake());
    }
}
