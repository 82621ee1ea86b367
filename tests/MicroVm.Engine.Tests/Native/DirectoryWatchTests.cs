using System.Globalization;
using MicroVm.Engine.Native;
using MicroVm.Engine.Tests.Support;

namespace MicroVm.Engine.Tests.Native;

public sealed class DirectoryWatchTests : IDisposable
{
    private readonly Scratch _scratch = new();
    private readonly DirectoryWatch _watch = new();

    public void Dispose()
    {
        _watch.Dispose();
        _scratch.Dispose();
    }

    [Fact]
    public void Entries_that_come_and_go_are_told_with_their_directory()
    {
        int one = _watch.TryAdd(Make("one"))!.Value;
        int two = _watch.TryAdd(Make("two"))!.Value;
        Assert.NotEqual(one, two);
        Assert.Empty(_watch.Read());

        Directory.CreateDirectory(_scratch.File("one/made"));
        Directory.Move(_scratch.File("one/made"), _scratch.File("two/moved"));
        Directory.Delete(_scratch.File("two/moved"));

        Assert.Equal(
            [new(one, "made", false), new(one, "made", false), new(two, "moved", false), new(two, "moved", false)],
            _watch.Read());
        Assert.Empty(_watch.Read());
    }

    [Fact]
    public void A_file_is_told_when_it_is_closed_after_writing()
    {
        string log = Path.Combine(Make("one"), "log");
        File.WriteAllText(log, "");
        int one = _watch.TryAdd(_scratch.File("one"))!.Value;
        using (FileStream stream = new(log, FileMode.Append))
        {
            stream.Write("x"u8);
            stream.Flush();
            Assert.Empty(_watch.Read());
        }

        Assert.Equal([new(one, "log", false)], _watch.Read());
        File.ReadAllText(log);
        Assert.Empty(_watch.Read());
    }

    [Fact]
    public void The_end_of_a_directory_is_told()
    {
        int one = _watch.TryAdd(Make("one"))!.Value;
        int two = _watch.TryAdd(Make("two"))!.Value;

        Directory.Delete(_scratch.File("one"));
        Directory.Move(_scratch.File("two"), _scratch.File("three"));

        Assert.Equal([new(one, "", true), new(two, "", true)], _watch.Read());
    }

    [Fact]
    public void Of_a_directory_that_is_not_watched_any_more_nothing_is_told()
    {
        int one = _watch.TryAdd(Make("one"))!.Value;
        _watch.Remove(one);
        _watch.Remove(one);

        File.WriteAllText(_scratch.File("one/file"), "");

        Assert.Empty(_watch.Read());
    }

    [Fact]
    public void What_is_no_directory_cannot_be_watched()
    {
        File.WriteAllText(_scratch.File("file"), "");

        Assert.Null(_watch.TryAdd(_scratch.File("none")));
        Assert.Null(_watch.TryAdd(_scratch.File("file")));
    }

    [Fact]
    public void More_events_than_the_kernel_keeps_are_told_as_a_loss()
    {
        _watch.TryAdd(Make("one"));
        MakeMoreThanTheKernelKeeps(_scratch.File("one"));

        IReadOnlyList<DirectoryEvent> events = _watch.Read();

        Assert.True(events[^1].IsLoss);
        Assert.DoesNotContain(events.SkipLast(1), happened => happened.IsLoss);
    }

    /// <summary>Makes as many events as there is room for; what happens next is lost.</summary>
    internal static void MakeMoreThanTheKernelKeeps(string directory)
    {
        int room = int.Parse(File.ReadAllText("/proc/sys/fs/inotify/max_queued_events"), CultureInfo.InvariantCulture);
        for (int i = 0; i <= room; i++)
        {
            Directory.CreateDirectory(Path.Combine(directory, $"{i}"));
        }
    }

    private string Make(string name) => Directory.CreateDirectory(_scratch.File(name)).FullName;
}
