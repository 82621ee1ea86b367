using MicroVm.Engine.Native;
using MicroVm.Engine.Snapshots;
using MicroVm.Engine.Tests.Support;

namespace MicroVm.Engine.Tests.Snapshots;

public sealed class SnapshotStagingTests : IDisposable
{
    private readonly Scratch _scratch = new();

    public void Dispose() => _scratch.Dispose();

    [Fact]
    public void What_a_killed_process_was_collecting_is_removed_by_the_next()
    {
        SnapshotStore store = new(_scratch.Paths);
        string mine = store.Stage(Guid.NewGuid());
        string abandoned = mine.Replace($"-{ProcessIdentity.Self.StartTicks}", "-1", StringComparison.Ordinal);
        Directory.CreateDirectory(abandoned);
        File.WriteAllText(Path.Combine(abandoned, SnapshotStore.MemoryFile), "guest");
        string strange = Path.Combine(_scratch.Paths.SnapshotsDirectory, ".staging-x");
        Directory.CreateDirectory(strange);

        string other = store.Stage(Guid.NewGuid());

        Assert.Equivalent((string[])[mine, other, strange], Directory.GetDirectories(_scratch.Paths.SnapshotsDirectory), strict: true);
    }
}
