using MicroVm.Engine.State;
using MicroVm.Engine.Tests.Support;

namespace MicroVm.Engine.Tests.State;

public sealed class AtomicFileTests : IDisposable
{
    private readonly Scratch _scratch = new();

    public void Dispose() => _scratch.Dispose();

    [Fact]
    public void File_is_replaced_and_nothing_else_left()
    {
        string path = _scratch.File("record");
        AtomicFile.Write(path, "a longer first version"u8);

        AtomicFile.Write(path, "second"u8);

        Assert.Equal("second", File.ReadAllText(path));
        Assert.Equal(UnixFileMode.UserRead | UnixFileMode.UserWrite, File.GetUnixFileMode(path));
        Assert.Equal([path], Directory.GetFileSystemEntries(_scratch.Path));
    }

    [Fact]
    public void Failure_leaves_nothing()
    {
        string path = _scratch.File("occupied");
        Directory.CreateDirectory(path);

        Assert.ThrowsAny<Exception>(() => AtomicFile.Write(path, "content"u8));

        Assert.Equal([path], Directory.GetFileSystemEntries(_scratch.Path));
    }

    [Fact]
    public void Missing_directory_is_an_io_error() =>
        Assert.ThrowsAny<IOException>(() => AtomicFile.Write(Path.Combine(_scratch.File("none"), "record"), "content"u8));

    [Fact(Timeout = 60_000)]
    public async Task Readers_see_one_version_or_another()
    {
        string path = _scratch.File("record");
        byte[][] versions = [.. Enumerable.Range(0, 4).Select(i => Enumerable.Repeat((byte)('a' + i), 30_000 * (i + 1)).ToArray())];
        AtomicFile.Write(path, versions[0]);
        int reads = 0;
        Task reader = Task.Factory.StartNew(
            () =>
            {
                for (; reads < 300; Interlocked.Increment(ref reads))
                {
                    byte[] seen = File.ReadAllBytes(path);
                    Assert.True(seen.AsSpan().SequenceEqual(versions[seen[0] - 'a']));
                }
            },
            CancellationToken.None,
            TaskCreationOptions.LongRunning,
            TaskScheduler.Default);

        // For as long as somebody reads.
        await Task.WhenAll(versions.Select(version => Task.Run(() =>
        {
            while (!reader.IsCompleted)
            {
                AtomicFile.Write(path, version);
            }
        })));
        await reader;

        Assert.Equal([path], Directory.GetFileSystemEntries(_scratch.Path));
    }
}
