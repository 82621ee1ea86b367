using System.Text;
using MicroVm.Engine.Guest;
using MicroVm.Engine.Native;
using MicroVm.Engine.Tests.Support;

namespace MicroVm.Engine.Tests.Guest;

public sealed class LogFileTests : IDisposable
{
    private const int Limit = 60_000;

    private readonly Scratch _scratch = new();

    private string Log => _scratch.File("log");

    public void Dispose() => _scratch.Dispose();

    [Theory]
    [InlineData("", null, "")]
    [InlineData("a\nb\nc\n", null, "a|b|c")]
    [InlineData("a\nb\nc", null, "a|b|c")]
    [InlineData("a\nb\nc\n", 2, "b|c")]
    [InlineData("a\nb\nc", 2, "b|c")]
    [InlineData("a\nb\nc\n", 3, "a|b|c")]
    [InlineData("a\nb\nc\n", 99, "a|b|c")]
    [InlineData("a\nb\nc\n", 0, "")]
    [InlineData("a\r\n\r\n\r\nb\r\n", 2, "|b")]
    [InlineData("\n", 1, "")]
    [InlineData("ä\n€\n", 1, "€")]
    public async Task Tail_is_the_last_lines(string content, int? tail, string lines)
    {
        File.WriteAllText(Log, content);

        Assert.Equal(lines, string.Join('|', await ReadAsync(tail)));
    }

    [Fact]
    public async Task Tail_of_a_log_longer_than_a_read_is_right()
    {
        string[] lines = [.. Enumerable.Range(0, 30_000).Select(i => $"line {i}")];
        File.WriteAllText(Log, string.Join('\n', lines) + "\n");

        Assert.Equal(lines, await ReadAsync(null));
        Assert.Equal(lines[^20_000..], await ReadAsync(20_000));
        Assert.Equal(lines[^1..], await ReadAsync(1));
    }

    [Fact]
    public async Task Absent_log_is_empty() => Assert.Empty(await ReadAsync(null));

    [Fact]
    public async Task Line_without_end_is_cut()
    {
        File.WriteAllText(Log, new string('x', 200_000) + "\nafter\n");

        List<string> lines = await ReadAsync(null);

        Assert.All(lines, line => Assert.True(line.Length <= 64 << 10));
        Assert.Equal(200_000, lines.SkipLast(1).Sum(line => line.Length));
        Assert.Equal("after", lines[^1]);
    }

    [Fact(Timeout = Limit)]
    public async Task Following_yields_lines_as_they_come_and_ends_with_the_writer()
    {
        File.WriteAllText(Log, "old\n");
        using TestProcess writer = TestProcess.Sleeper();
        await using IAsyncEnumerator<string> lines = LogFile.ReadLinesAsync(Log, null, writer.Identity, CancellationToken.None).GetAsyncEnumerator();
        Assert.Equal("old", await NextAsync(lines));

        File.AppendAllText(Log, "ha");
        ValueTask<bool> next = lines.MoveNextAsync();
        File.AppendAllText(Log, "lf\nlast words");
        Assert.True(await next.AsTask().Within("a line"));
        Assert.Equal("half", lines.Current);

        next = lines.MoveNextAsync();
        writer.Signal(Signals.Kill);
        Assert.True(await next.AsTask().Within("the last words"));
        Assert.Equal("last words", lines.Current);
        Assert.False(await lines.MoveNextAsync());
    }

    [Fact(Timeout = Limit)]
    public async Task Following_only_what_is_new()
    {
        File.WriteAllText(Log, "old\n");
        using TestProcess writer = TestProcess.Sleeper();
        await using IAsyncEnumerator<string> lines = LogFile.ReadLinesAsync(Log, 0, writer.Identity, CancellationToken.None).GetAsyncEnumerator();

        ValueTask<bool> next = lines.MoveNextAsync();
        File.AppendAllText(Log, "new\n");

        Assert.True(await next.AsTask().Within("a line"));
        Assert.Equal("new", lines.Current);
    }

    [Fact(Timeout = Limit)]
    public async Task Following_can_be_cancelled()
    {
        File.WriteAllText(Log, "");
        using CancellationTokenSource source = new();
        await using IAsyncEnumerator<string> lines = LogFile.ReadLinesAsync(Log, null, ProcessIdentity.Self, source.Token).GetAsyncEnumerator();
        ValueTask<bool> next = lines.MoveNextAsync();

        await source.CancelAsync();

        await Assert.ThrowsAnyAsync<OperationCanceledException>(() => next.AsTask());
    }

    [Fact]
    public async Task Following_a_dead_writer_ends_at_once()
    {
        File.WriteAllText(Log, "all\n");

        Assert.Equal(["all"], await ReadAsync(null, ProcessIdentity.Self with { StartTicks = 1 }));
    }

    [Theory(Timeout = Limit)]
    [InlineData(1)]
    [InlineData(6)]
    [InlineData(12)]
    public async Task Text_that_straddles_reads_is_found(int before)
    {
        const string Marker = "guest ready!!";
        // The marker begins this many bytes before the end of a read.
        File.WriteAllText(Log, new string('x', (64 << 10) - before) + Marker);
        Assert.True(LogFile.Contains(Log, 0, Marker));

        // And it is written in two parts.
        File.WriteAllText(Log, "");
        Task<bool> waiting = LogFile.WaitForAsync(Log, 0, Marker, ProcessIdentity.Self, Limits.Generous, CancellationToken.None);
        File.AppendAllText(Log, "noise" + Marker[..before]);
        File.AppendAllText(Log, Marker[before..]);
        Assert.True(await waiting);
    }

    [Fact(Timeout = Limit)]
    public async Task Text_written_byte_by_byte_among_its_own_beginnings_is_found()
    {
        File.WriteAllText(Log, "");
        Task<bool> waiting = LogFile.WaitForAsync(Log, 0, "aaab", ProcessIdentity.Self, Limits.Generous, CancellationToken.None);
        foreach (char character in "aaxaaaaab")
        {
            File.AppendAllText(Log, character.ToString());
        }

        Assert.True(await waiting);
    }

    [Fact(Timeout = Limit)]
    public async Task Text_before_the_offset_does_not_count()
    {
        File.WriteAllText(Log, "ready");

        Assert.False(LogFile.Contains(Log, 1, "ready"));
        Assert.False(await LogFile.WaitForAsync(Log, 1, "ready", ProcessIdentity.Self, TimeSpan.Zero, CancellationToken.None));
        Assert.True(await LogFile.WaitForAsync(Log, 0, "ready", ProcessIdentity.Self, TimeSpan.Zero, CancellationToken.None));
    }

    [Fact(Timeout = Limit)]
    public async Task Waiting_ends_with_the_writer_and_sees_its_last_words()
    {
        File.WriteAllText(Log, "");
        using TestProcess silent = TestProcess.Sleeper();
        Task<bool> waiting = LogFile.WaitForAsync(Log, 0, "ready", silent.Identity, Limits.Generous, CancellationToken.None);
        silent.Signal(Signals.Kill);
        Assert.False(await waiting);

        using TestProcess speaker = TestProcess.Start(Log, "sh", "-c", "echo ready");
        Assert.True(await LogFile.WaitForAsync(Log, 0, "ready", speaker.Identity, Limits.Generous, CancellationToken.None));
    }

    [Fact]
    public void Last_words_are_short_and_harmless()
    {
        File.WriteAllText(Log, "first\n\n\u001b[31mred\u0007\nlast\r\n");

        Assert.Equal("[31mred | last", LogFile.LastLines(Log, 2));
        Assert.Equal("", LogFile.LastLines(_scratch.File("none"), 2));
        File.WriteAllText(Log, new string('x', 300_000));
        Assert.InRange(LogFile.LastLines(Log, 3).Length, 100, 1000);
    }

    [Fact]
    public void Splitter_makes_the_same_lines_of_any_pieces()
    {
        byte[] bytes = Encoding.UTF8.GetBytes("eins\r\nzwei €\n\n" + new string('d', 70_000) + "\nvier");
        Random random = new(3);
        List<string> whole = Split([bytes]);
        for (int round = 0; round < 20; round++)
        {
            List<byte[]> pieces = [];
            for (int at = 0; at < bytes.Length;)
            {
                int length = Math.Min(random.Next(1, 5000), bytes.Length - at);
                pieces.Add(bytes[at..(at + length)]);
                at += length;
            }

            Assert.Equal(whole, Split(pieces));
        }

        Assert.Equal(["eins", "zwei €", ""], whole[..3]);
        Assert.Equal("vier", whole[^1]);
    }

    private static List<string> Split(IEnumerable<byte[]> pieces)
    {
        LineSplitter splitter = new();
        List<string> lines = [.. pieces.SelectMany(piece => splitter.Add(piece))];
        return splitter.Rest is { } rest ? [.. lines, rest] : lines;
    }

    private static async Task<string> NextAsync(IAsyncEnumerator<string> lines)
    {
        Assert.True(await lines.MoveNextAsync().AsTask().Within("a line"));
        return lines.Current;
    }

    private async Task<List<string>> ReadAsync(int? tail, ProcessIdentity? writer = null)
    {
        List<string> lines = [];
        await foreach (string line in LogFile.ReadLinesAsync(Log, tail, writer, CancellationToken.None))
        {
            lines.Add(line);
        }

        return lines;
    }
}
