using Microsoft.Win32.SafeHandles;
using MicroVm.Engine.Native;
using MicroVm.Engine.Tests.Support;

namespace MicroVm.Engine.Tests.Native;

public sealed class FileWatchTests : IDisposable
{
    private readonly Scratch _scratch = new();

    public void Dispose() => _scratch.Dispose();

    [Fact]
    public void Writing_to_a_file_is_told_until_cleared()
    {
        string path = _scratch.File("log");
        File.WriteAllText(path, "");
        using FileWatch watch = new(path);
        Assert.False(HasNews(watch));

        File.AppendAllText(path, "x");
        Assert.True(HasNews(watch));
        Assert.True(HasNews(watch));

        watch.Clear();
        Assert.False(HasNews(watch));
    }

    [Fact]
    public void Replacing_a_file_is_told_to_a_watch_on_its_directory()
    {
        using FileWatch watch = new(_scratch.Path);

        State.MachineStoreFile.Replace(_scratch.File("vm.json"));

        Assert.True(HasNews(watch));
    }

    [Fact]
    public void Removing_is_told()
    {
        string directory = _scratch.File("directory");
        Directory.CreateDirectory(directory);
        using FileWatch watch = new(directory);

        Directory.Delete(directory);

        Assert.True(HasNews(watch));
    }

    [Fact]
    public void More_news_than_the_buffer_holds_are_cleared()
    {
        using FileWatch watch = new(_scratch.Path);
        for (int i = 0; i < 1000; i++)
        {
            State.MachineStoreFile.Replace(_scratch.File($"file-{i}"));
        }

        watch.Clear();

        Assert.False(HasNews(watch));
    }

    [Fact]
    public void What_is_not_there_cannot_be_watched()
    {
        LinuxException error = Assert.Throws<LinuxException>(() => new FileWatch(_scratch.File("none")));

        Assert.Equal(2, error.Errno);
    }

    [Fact]
    public void A_watch_for_the_close_tells_of_that_alone()
    {
        string path = _scratch.File("lock");
        using SafeFileHandle reader = Descriptors.OpenUnlocked(path);
        using FileWatch watch = FileWatch.ForClose(path);
        using (SafeFileHandle writer = Descriptors.OpenUnlocked(path))
        {
            RandomAccess.Write(writer, "x"u8, 0);
            Assert.False(HasNews(watch));
        }

        Assert.True(HasNews(watch));
        watch.Clear();
        Descriptors.TryOpenUnlocked(path)!.Dispose();
        Assert.False(HasNews(watch));
    }

    [Fact]
    public void A_watch_for_the_close_tells_when_whoever_had_the_file_open_dies()
    {
        string path = _scratch.File("lock");
        using TestProcess holder = TestProcess.Start(path, "sleep", "1000");
        using FileWatch watch = FileWatch.ForClose(path);
        Assert.False(HasNews(watch));

        holder.Signal(Signals.Kill);

        Assert.Equal(0, Polling.WaitAny(Limits.Generous, CancellationToken.None, watch.Handle));
    }

    private static bool HasNews(FileWatch watch) => Polling.WaitAny(TimeSpan.Zero, CancellationToken.None, watch.Handle) == 0;
}
