using System.Diagnostics;
using MicroVm.Engine.Errors;
using MicroVm.Engine.Native;

namespace MicroVm.Engine.Tests.Native;

public class HostToolTests
{
    [Fact]
    public async Task Output_comes_back() => Assert.Equal("hello\n", await new HostTool("echo", "coreutils").RunAsync(["hello"], TimeSpan.FromSeconds(10), default));

    [Fact]
    public async Task Arguments_are_not_interpreted() =>
        Assert.Equal("$(id) ; 'x\n", await new HostTool("echo", "coreutils").RunAsync(["$(id) ; 'x"], TimeSpan.FromSeconds(10), default));

    [Fact]
    public async Task Program_that_is_still_open_for_writing_is_waited_for()
    {
        string program = Path.Combine(Path.GetTempPath(), $"host-tool-{Guid.NewGuid():N}");
        File.Copy(ProgramFinder.Find("true")!, program);
        try
        {
            Task<string> running;
            using (File.OpenHandle(program, FileMode.Open, FileAccess.Write))
            {
                running = new HostTool(program, "coreutils").RunAsync([], TimeSpan.FromSeconds(30), default);
                await Assert.ThrowsAsync<TimeoutException>(() => running.WaitAsync(TimeSpan.FromMilliseconds(20)));
            }

            Assert.Equal("", await running);
        }
        finally
        {
            File.Delete(program);
        }
    }

    [Fact]
    public async Task Missing_tool_names_its_package()
    {
        MicroVmException error =
            await Assert.ThrowsAsync<MicroVmException>(() => new HostTool("no-such-tool", "some-package").RunAsync([], TimeSpan.FromSeconds(10), default));

        Assert.Equal((ErrorIds.ToolFailed, ErrorKind.NotInstalled), (error.ErrorId, error.Kind));
        Assert.Equal("apt-get install some-package", error.RecommendedAction);
    }

    [Fact]
    public async Task Failing_tool_is_quoted()
    {
        MicroVmException error =
            await Assert.ThrowsAsync<MicroVmException>(() => new HostTool("ls", "coreutils").RunAsync(["/no/such/file"], TimeSpan.FromSeconds(10), default));

        Assert.Contains("/no/such/file", error.InnerException!.Message);
    }

    [Fact]
    public async Task Slow_tool_is_ended()
    {
        long start = Stopwatch.GetTimestamp();
        MicroVmException error =
            await Assert.ThrowsAsync<MicroVmException>(() => new HostTool("sleep", "coreutils").RunAsync(["60"], TimeSpan.FromMilliseconds(100), default));

        Assert.Equal((ErrorIds.ToolFailed, ErrorKind.Timeout), (error.ErrorId, error.Kind));
        Assert.True(Stopwatch.GetElapsedTime(start) < TimeSpan.FromSeconds(20));
    }

    [Fact]
    public async Task Cancelling_ends_the_tool()
    {
        using CancellationTokenSource cancel = new(100);
        long start = Stopwatch.GetTimestamp();

        await Assert.ThrowsAnyAsync<OperationCanceledException>(() => new HostTool("sleep", "coreutils").RunAsync(["60"], TimeSpan.FromSeconds(60), cancel.Token));

        Assert.True(Stopwatch.GetElapsedTime(start) < TimeSpan.FromSeconds(20));
    }
}
