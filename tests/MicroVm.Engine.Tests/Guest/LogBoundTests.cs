using System.Text;
using MicroVm.Engine.Guest;
using MicroVm.Engine.Native;
using MicroVm.Engine.Tests.Support;

namespace MicroVm.Engine.Tests.Guest;

public sealed class LogBoundTests : IDisposable
{
    private static readonly LogBound s_bound = new(Longest: 256 << 10, Kept: 128 << 10);

    private readonly Scratch _scratch = new();
    private int _lines;

    private string Log => _scratch.File("log");

    public void Dispose() => _scratch.Dispose();

    [Fact]
    public void A_log_within_its_bound_is_left_alone()
    {
        Assert.Equal(LogCut.Unneeded, s_bound.Apply(Log));
        Append(200 << 10);
        byte[] before = File.ReadAllBytes(Log);

        Assert.Equal(LogCut.Unneeded, s_bound.Apply(Log));

        Assert.Equal(before, File.ReadAllBytes(Log));
    }

    [Fact]
    public void A_long_log_takes_less_and_keeps_its_offsets_and_its_end()
    {
        Append(300 << 10);
        byte[] before = File.ReadAllBytes(Log);

        Assert.Equal(LogCut.Done, s_bound.Apply(Log));

        byte[] after = File.ReadAllBytes(Log);
        Assert.Equal(before.Length, after.Length);
        Assert.Equal(before[^(128 << 10)..], after[^(128 << 10)..]);
        Assert.InRange(FileUsage.AllocatedBytes(Log), 128 << 10, 160 << 10);
    }

    [Fact]
    public void A_log_that_grows_for_ever_stays_within_its_bound()
    {
        for (int i = 0; i < 40; i++)
        {
            Append(100 << 10);
            s_bound.Apply(Log);
            Assert.InRange(FileUsage.AllocatedBytes(Log), 0, 256 << 10);
        }

        Assert.InRange(new FileInfo(Log).Length, 4000 << 10, long.MaxValue);
    }

    [Fact]
    public async Task Readers_begin_with_the_first_line_that_is_whole()
    {
        Append(300 << 10);
        s_bound.Apply(Log);

        List<string> all = await ReadAsync(null);

        AssertConsecutive(all);
        Assert.InRange(all.Count, 1000, _lines - 1000);
        Assert.Equal(all, await ReadAsync(_lines));
        Assert.Equal(all[^3..], await ReadAsync(3));
    }

    [Fact]
    public async Task A_reader_who_is_overtaken_goes_on_with_whole_lines()
    {
        Append(2000 << 10);
        using TestProcess writer = TestProcess.Sleeper();
        await using IAsyncEnumerator<string> lines = LogFile.ReadLinesAsync(Log, null, writer.Identity, CancellationToken.None).GetAsyncEnumerator();
        List<string> read = [];
        for (int i = 0; i < 100; i++)
        {
            Assert.True(await lines.MoveNextAsync().AsTask().Within("a line"));
            read.Add(lines.Current);
        }

        s_bound.Apply(Log);
        while (read[^1] != LineOf(_lines - 1))
        {
            Assert.True(await lines.MoveNextAsync().AsTask().Within("a line"));
            read.Add(lines.Current);
        }

        // It has not got them all, and none in part.
        Assert.InRange(read.Count, 1000, _lines - 1000);
        Assert.All(read, line => Assert.StartsWith("line ", line, StringComparison.Ordinal));
        Assert.Equal(read.Distinct().Count(), read.Count);
    }

    [Fact]
    public async Task Text_is_sought_in_what_is_left()
    {
        Append(300 << 10);
        Assert.True(LogFile.Contains(Log, 0, LineOf(0)));
        s_bound.Apply(Log);

        Assert.False(LogFile.Contains(Log, 0, LineOf(0)));
        Assert.True(LogFile.Contains(Log, 0, LineOf(_lines - 1)));
        Assert.True(await LogFile.WaitForAsync(Log, 0, LineOf(_lines - 1), ProcessIdentity.Self, TimeSpan.Zero, CancellationToken.None));
    }

    private static string LineOf(int number) => $"line {number:D8} with some words";

    private static void AssertConsecutive(List<string> lines)
    {
        int first = int.Parse(lines[0].AsSpan(5, 8), System.Globalization.CultureInfo.InvariantCulture);
        Assert.Equal(Enumerable.Range(first, lines.Count).Select(LineOf), lines);
    }

    private void Append(int bytes)
    {
        StringBuilder text = new();
        while (text.Length < bytes)
        {
            text.Append(LineOf(_lines++)).Append('\n');
        }

        File.AppendAllText(Log, text.ToString());
    }

    private async Task<List<string>> ReadAsync(int? tail)
    {
        List<string> lines = [];
        await foreach (string line in LogFile.ReadLinesAsync(Log, tail, null, CancellationToken.None))
        {
            lines.Add(line);
        }

        return lines;
    }
}
