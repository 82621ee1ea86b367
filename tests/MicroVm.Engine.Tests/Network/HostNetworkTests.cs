using MicroVm.Engine.Native;
using MicroVm.Engine.Network;
using MicroVm.Engine.Tests.Support;

namespace MicroVm.Engine.Tests.Network;

public sealed class HostNetworkTests
{
    [Fact]
    public void Functions_run_one_after_the_other_on_one_thread()
    {
        using HostNetwork host = new();
        int running = 0;

        int[] threads = [.. Enumerable.Range(0, 64).AsParallel().WithDegreeOfParallelism(8).Select(_ => host.Run(_ =>
        {
            Assert.Equal(1, Interlocked.Increment(ref running));
            Thread.Yield();
            Interlocked.Decrement(ref running);
            return Environment.CurrentManagedThreadId;
        }))];

        Assert.Single(threads.Distinct());
        Assert.NotEqual(Environment.CurrentManagedThreadId, threads[0]);
    }

    [Fact]
    public void Exceptions_pass_unchanged_and_the_thread_goes_on()
    {
        using HostNetwork host = new();
        InvalidOperationException thrown = new("of the function");

        Assert.Same(thrown, Assert.Throws<InvalidOperationException>(() => host.Run(_ => throw thrown)));
        Assert.Equal(7, host.Run(_ => 7));
    }

    [Fact]
    public void Thread_ends_with_its_owner()
    {
        HostNetwork host = new();
        Thread thread = host.Run(_ => Thread.CurrentThread);

        host.Dispose();
        host.Dispose();

        Assert.True(thread.Join(Limits.Generous));
        Assert.Throws<ObjectDisposedException>(() => host.Run(_ => 1));
    }

    [Fact]
    public void Without_work_there_is_no_thread() => new HostNetwork().Dispose();

    [Fact]
    public void Own_namespace_is_the_default()
    {
        using HostNetwork host = new();

        Assert.Equal(new FileInfo("/proc/self/ns/net").LinkTarget, host.Run(_ => new FileInfo("/proc/thread-self/ns/net").LinkTarget));
        Assert.Contains("lo", host.Run(HostRoutes.Devices).Values);
    }

    [NetworkFact]
    public void Given_namespace_is_entered()
    {
        using TestNamespace side = new();
        using HostNetwork host = new(side.File);

        Assert.Equal(["lo"], host.Run(HostRoutes.Devices).Values);
        Assert.NotEqual(new FileInfo("/proc/self/ns/net").LinkTarget, host.Run(_ => new FileInfo("/proc/thread-self/ns/net").LinkTarget));
    }

    [Fact]
    public void Namespace_that_is_none_fails_each_time()
    {
        using Microsoft.Win32.SafeHandles.SafeFileHandle none = File.OpenHandle("/dev/null");
        using HostNetwork host = new(none);

        Assert.Throws<LinuxException>(() => host.Run(HostRoutes.Devices));
        Assert.Throws<LinuxException>(() => host.Run(HostRoutes.Devices));
    }

    [Fact]
    public void Lost_thread_takes_no_more_work()
    {
        using HostNetwork host = new();
        int first = host.Run(sockets =>
        {
            sockets.Lost = true;
            return Environment.CurrentManagedThreadId;
        });

        Assert.True(SpinWait.SpinUntil(() => Try(() => host.Run(_ => Environment.CurrentManagedThreadId)) is int now && now != first, Limits.Generous));

        static int? Try(Func<int> function)
        {
            try
            {
                return function();
            }
            catch (IOException)
            {
                // Was in the queue when it happened.
                return null;
            }
        }
    }
}
