using Microsoft.Win32.SafeHandles;
using MicroVm.Engine.Native;
using MicroVm.Engine.Tests.Support;

namespace MicroVm.Engine.Tests.Native;

public sealed class FifoStreamTests : IDisposable
{
    private const int Limit = 30_000;

    // Several times what a pipe holds.
    private const int MuchBytes = 1 << 20;

    private readonly Scratch _scratch = new();
    private readonly string _there;
    private readonly string _back;
    private readonly SafeFileHandle[] _keepers;

    public FifoStreamTests()
    {
        _there = _scratch.File("there");
        _back = _scratch.File("back");
        Fifo.Create(_there);
        Fifo.Create(_back);
        // As a VMM does: both ends of both pipes are open all the time.
        _keepers = [Descriptors.OpenUnlocked(_there), Descriptors.OpenUnlocked(_back)];
    }

    public void Dispose()
    {
        Close();
        _scratch.Dispose();
    }

    [Fact]
    public void Only_the_owner_may_open_a_pipe() =>
        Assert.Equal(UnixFileMode.UserRead | UnixFileMode.UserWrite, File.GetUnixFileMode(_there));

    [Fact(Timeout = Limit)]
    public async Task More_than_a_pipe_holds_passes_in_both_directions_at_once()
    {
        await using FifoStream near = new(_there, _back);
        await using FifoStream far = new(_back, _there);
        byte[] request = Pattern(1);
        byte[] answer = Pattern(2);

        Task<byte[]> receiving = ReadAsync(far, MuchBytes);
        Task<byte[]> hearing = ReadAsync(near, MuchBytes);
        Task sending = near.WriteAsync(request).AsTask();
        Task answering = far.WriteAsync(answer).AsTask();
        await Task.WhenAll(sending, answering);

        Assert.Equal(request, await receiving);
        Assert.Equal(answer, await hearing);
    }

    [Fact(Timeout = Limit)]
    public async Task A_write_of_more_than_the_pipe_holds_waits_for_a_reader()
    {
        await using FifoStream near = new(_there, _back);
        await using FifoStream far = new(_back, _there);

        Task writing = near.WriteAsync(Pattern(3)).AsTask();
        Assert.False(writing.IsCompleted);

        Assert.Equal(Pattern(3), await ReadAsync(far, MuchBytes));
        await writing;
    }

    [Fact(Timeout = Limit)]
    public async Task A_read_ends_when_the_other_end_is_closed()
    {
        FifoStream near = new(_there, _back);
        FifoStream far = new(_back, _there);
        Close();
        await far.WriteAsync("last"u8.ToArray());
        await far.DisposeAsync();

        byte[] buffer = new byte[16];
        Assert.Equal(4, await near.ReadAsync(buffer));
        Assert.Equal(0, await near.ReadAsync(buffer));
        await near.DisposeAsync();
    }

    [Fact(Timeout = Limit)]
    public async Task A_read_that_waits_ends_when_the_other_end_is_closed()
    {
        await using FifoStream near = new(_there, _back);
        Task<int> reading = near.ReadAsync(new byte[16]).AsTask();
        Assert.False(reading.IsCompleted);

        Close();

        Assert.Equal(0, await reading);
    }

    [Fact(Timeout = Limit)]
    public async Task A_write_fails_when_the_other_end_is_closed()
    {
        await using FifoStream near = new(_there, _back);
        Close();

        LinuxException error = await Assert.ThrowsAsync<LinuxException>(() => near.WriteAsync("x"u8.ToArray()).AsTask());

        Assert.Equal(BrokenPipe, error.Errno);
    }

    [Fact(Timeout = Limit)]
    public async Task A_write_that_waits_fails_when_the_other_end_is_closed()
    {
        await using FifoStream near = new(_there, _back);
        Task writing = near.WriteAsync(Pattern(4)).AsTask();
        Assert.False(writing.IsCompleted);

        Close();

        Assert.Equal(BrokenPipe, (await Assert.ThrowsAsync<LinuxException>(() => writing)).Errno);
    }

    [Fact(Timeout = Limit)]
    public async Task A_read_that_waits_can_be_cancelled_and_loses_nothing()
    {
        await using FifoStream near = new(_there, _back);
        await using FifoStream far = new(_back, _there);
        using CancellationTokenSource source = new();
        Task<int> reading = near.ReadAsync(new byte[16], source.Token).AsTask();
        Assert.False(reading.IsCompleted);

        await source.CancelAsync();

        await Assert.ThrowsAnyAsync<OperationCanceledException>(() => reading);
        await far.WriteAsync("later"u8.ToArray());
        Assert.Equal("later"u8.ToArray(), await ReadAsync(near, 5));
    }

    [Fact(Timeout = Limit)]
    public async Task A_write_that_waits_can_be_cancelled_and_what_was_written_can_be_read()
    {
        await using FifoStream near = new(_there, _back);
        await using FifoStream far = new(_back, _there);
        using CancellationTokenSource source = new();
        byte[] much = Pattern(5);
        Task writing = near.WriteAsync(much, source.Token).AsTask();
        Assert.False(writing.IsCompleted);

        await source.CancelAsync();

        await Assert.ThrowsAnyAsync<OperationCanceledException>(() => writing);
        byte[] start = await ReadAsync(far, 4096);
        Assert.Equal(much[..4096], start);
    }

    [Fact]
    public void Nobody_at_the_other_end_is_told_at_once_and_leaves_nothing_open()
    {
        Close();

        LinuxException error = Assert.Throws<LinuxException>(() => new FifoStream(_there, _back));

        Assert.Equal(Errno.NoSuchDevice, error.Errno);
        Assert.Empty(OpenIn(_scratch.Path));
    }

    [Fact]
    public void A_pipe_that_is_not_there_is_told_and_leaves_nothing_open()
    {
        LinuxException error = Assert.Throws<LinuxException>(() => new FifoStream(_there, _scratch.File("none")));

        Assert.Equal(Errno.NoSuchFile, error.Errno);
        Assert.Equal(2, OpenIn(_scratch.Path).Length);
    }

    private const int BrokenPipe = 32;

    private static string[] OpenIn(string directory) =>
        [.. Directory.GetFiles("/proc/self/fd").Select(link => new FileInfo(link).LinkTarget ?? "").Where(target => target.StartsWith(directory, StringComparison.Ordinal))];

    private static byte[] Pattern(int seed)
    {
        byte[] bytes = new byte[MuchBytes];
        new Random(seed).NextBytes(bytes);
        return bytes;
    }

    private static async Task<byte[]> ReadAsync(FifoStream stream, int count)
    {
        byte[] bytes = new byte[count];
        await stream.ReadExactlyAsync(bytes);
        return bytes;
    }

    private void Close()
    {
        foreach (SafeFileHandle keeper in _keepers)
        {
            keeper.Dispose();
        }
    }
}
