using System.Reflection;
using System.Runtime.InteropServices;
using Microsoft.Win32.SafeHandles;
using MicroVm.Engine.Native;
using MicroVm.Engine.Tests.Support;

namespace MicroVm.Engine.Tests.Native;

public sealed partial class ReadinessTests : IDisposable
{
    private const int Limit = 30_000;

    // More than the thread is told of at a time.
    private const int Many = 100;

    private readonly Scratch _scratch = new();

    public void Dispose() => _scratch.Dispose();

    [Fact(Timeout = Limit)]
    public async Task Each_of_many_waits_ends_by_its_own_descriptor()
    {
        using Pipes pipes = new(_scratch, Many);
        Task[] waits = [.. pipes.All.Select(pipe => Readiness.ReadableAsync(pipe.Reader, CancellationToken.None))];
        Assert.DoesNotContain(waits, wait => wait.IsCompleted);

        foreach (int i in Enumerable.Range(0, Many).Where(i => i % 2 == 1))
        {
            Write(pipes.All[i].Writer);
            await waits[i];
        }

        Assert.DoesNotContain(waits.Where((_, i) => i % 2 == 0), wait => wait.IsCompleted);
        foreach (Pipe pipe in pipes.All)
        {
            Write(pipe.Writer);
        }

        await Task.WhenAll(waits);
    }

    [Fact(Timeout = Limit)]
    public async Task What_is_ready_already_ends_the_wait()
    {
        using Pipes pipes = new(_scratch, 1);
        Write(pipes.All[0].Writer);

        await Readiness.ReadableAsync(pipes.All[0].Reader, CancellationToken.None);
        await Readiness.ReadableAsync(pipes.All[0].Reader, CancellationToken.None);
        await Readiness.WritableAsync(pipes.All[0].Writer, CancellationToken.None);
    }

    [Fact(Timeout = Limit)]
    public async Task A_cancelled_wait_ends_and_the_descriptor_can_be_waited_for_again()
    {
        using Pipes pipes = new(_scratch, 1);
        Pipe pipe = pipes.All[0];
        for (int i = 0; i < 100; i++)
        {
            using CancellationTokenSource source = new();
            Task wait = Readiness.ReadableAsync(pipe.Reader, source.Token);
            Assert.False(wait.IsCompleted);
            await source.CancelAsync();
            await Assert.ThrowsAnyAsync<OperationCanceledException>(() => wait);
            Assert.Equal(0, WaitsFor(pipes));
        }

        Task last = Readiness.ReadableAsync(pipe.Reader, CancellationToken.None);
        Write(pipe.Writer);
        await last;
    }

    [Fact(Timeout = Limit)]
    public async Task Cancelling_one_wait_leaves_the_others()
    {
        using Pipes pipes = new(_scratch, 2);
        using CancellationTokenSource source = new();
        Task first = Readiness.ReadableAsync(pipes.All[0].Reader, source.Token);
        Task second = Readiness.ReadableAsync(pipes.All[1].Reader, CancellationToken.None);

        await source.CancelAsync();

        await Assert.ThrowsAnyAsync<OperationCanceledException>(() => first);
        Assert.False(second.IsCompleted);
        Write(pipes.All[1].Writer);
        await second;
    }

    [Fact]
    public async Task A_token_that_is_cancelled_already_begins_no_wait()
    {
        using Pipes pipes = new(_scratch, 1);

        await Assert.ThrowsAnyAsync<OperationCanceledException>(() => Readiness.ReadableAsync(pipes.All[0].Reader, new CancellationToken(canceled: true)));

        Assert.Equal(0, WaitsFor(pipes));
    }

    [Fact(Timeout = Limit)]
    public async Task A_closed_other_end_ends_the_wait_to_read()
    {
        using Pipes pipes = new(_scratch, 1);
        Task wait = Readiness.ReadableAsync(pipes.All[0].Reader, CancellationToken.None);

        pipes.All[0].Writer.Dispose();

        await wait;
    }

    [Fact(Timeout = Limit)]
    public async Task A_closed_other_end_ends_the_wait_to_write()
    {
        using Pipes pipes = new(_scratch, 1);
        Pipe pipe = pipes.All[0];
        // Full: no room for one byte.
        while (TryWrite(pipe.Writer, 4096))
        {
        }

        Task wait = Readiness.WritableAsync(pipe.Writer, CancellationToken.None);
        Assert.False(wait.IsCompleted);

        pipe.Reader.Dispose();

        await wait;
    }

    [Fact(Timeout = Limit)]
    public async Task A_file_that_cannot_be_waited_for_is_an_error()
    {
        using SafeFileHandle file = Descriptors.OpenUnlocked(_scratch.File("file"));

        await Assert.ThrowsAsync<LinuxException>(() => Readiness.ReadableAsync(file, CancellationToken.None));
    }

    private static int WaitsFor(Pipes pipes) => pipes.All.Count(pipe => File.ReadAllLines($"/proc/self/fdinfo/{Epoll()}")
        .Any(line => line.StartsWith("tfd:", StringComparison.Ordinal) && line.Split(' ', StringSplitOptions.RemoveEmptyEntries)[1] == pipe.Reader.DangerousGetHandle().ToString(null, null)));

    private static long Epoll()
    {
        object lazy = typeof(Readiness).GetField("s_poll", BindingFlags.Static | BindingFlags.NonPublic)!.GetValue(null)!;
        return ((Lazy<SafeFileHandle>)lazy).Value.DangerousGetHandle();
    }

    private static void Write(SafeFileHandle pipe) => Assert.True(TryWrite(pipe, 1));

    private static bool TryWrite(SafeFileHandle pipe, int count) => WriteNative(pipe, new byte[count], (nuint)count) == count;

    [LibraryImport("libc", EntryPoint = "write")]
    private static partial nint WriteNative(SafeFileHandle file, byte[] bytes, nuint count);

    private sealed record Pipe(SafeFileHandle Reader, SafeFileHandle Writer);

    private sealed class Pipes : IDisposable
    {
        public Pipes(Scratch scratch, int count) => All = [.. Enumerable.Range(0, count).Select(i =>
        {
            string path = scratch.File($"pipe-{i}");
            Fifo.Create(path);
            SafeFileHandle reader = Fifo.OpenForReading(path);
            return new Pipe(reader, Fifo.OpenForWriting(path));
        })];

        public Pipe[] All { get; }

        public void Dispose()
        {
            foreach (Pipe pipe in All)
            {
                pipe.Reader.Dispose();
                pipe.Writer.Dispose();
            }
        }
    }
}
