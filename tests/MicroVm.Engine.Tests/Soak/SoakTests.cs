using System.Diagnostics;
using System.Globalization;
using MicroVm.Engine.Machines;
using MicroVm.Engine.Snapshots;
using MicroVm.Engine.Tests.RealQemu;
using MicroVm.Engine.Tests.Support;
using Xunit.Abstractions;

namespace MicroVm.Engine.Tests.Soak;

/// <summary>What shows itself only after many rounds; not part of the ordinary run: <c>--filter Category=Soak</c>.</summary>
[Trait("Category", "Soak")]
[Collection(QemuGroup.Name)]
public sealed class SoakTests(QemuHome home, ITestOutputHelper output) : IAsyncLifetime
{
    private const int Minutes = 60_000;

    public Task InitializeAsync() => Task.CompletedTask;

    public Task DisposeAsync() => home.SweepAsync();

    [QemuFact(Timeout = 20 * Minutes)]
    public async Task Fifty_of_fifty_boots_become_ready()
    {
        List<TimeSpan> times = [];
        for (int i = 0; i < 50; i++)
        {
            Stopwatch watch = Stopwatch.StartNew();
            VirtualMachine machine = await home.Engine.CreateAsync(QemuHome.Small with { Name = $"boot-{i}" }, start: true, NullObserver.Instance, CancellationToken.None);
            await home.Engine.WaitReadyAsync(machine.Id, TimeSpan.FromSeconds(120), NullObserver.Instance, CancellationToken.None);
            times.Add(watch.Elapsed);
            await home.RemoveAsync(machine);
        }

        Say("boot to ready", times);
    }

    [QemuFact(Timeout = 20 * Minutes)]
    public async Task Two_hundred_clones_go_on()
    {
        int descriptors = CountOfDescriptors();
        List<TimeSpan> times = [];
        for (int i = 0; i < 200; i++)
        {
            Stopwatch watch = Stopwatch.StartNew();
            VirtualMachine clone = await home.CloneAsync($"clone-{i}");
            times.Add(watch.Elapsed);
            await new RealQemu.Guest(clone).AskAsync("echo al''ive", "alive");
            await home.RemoveAsync(clone);
        }

        Say("clone", times);
        Assert.InRange(CountOfDescriptors(), 0, descriptors + 10);
    }

    [QemuFact(Timeout = 60 * Minutes)]
    public async Task A_thousand_pairs_of_clones_never_draw_the_same_random_bytes()
    {
        RandomDraws draws = new(home);
        Snapshot snapshot = await draws.PrepareAsync("source");
        HashSet<string> drawn = [];
        List<TimeSpan> times = [];
        for (int i = 0; i < 1000; i++)
        {
            Stopwatch watch = Stopwatch.StartNew();
            (string one, string two) = await draws.PairAsync(snapshot, $"pair-{i}", noFixup: false);
            times.Add(watch.Elapsed);
            // Not those of other pairs, either.
            Assert.True(drawn.Add(one) && drawn.Add(two), $"Pair {i} drew '{one}' and '{two}', after {drawn.Count} draws.");
        }

        Say("pair of clones that differ", times);
    }

    [StubVmmFact(Timeout = 20 * Minutes)]
    public async Task A_thousand_lives_of_a_stub_leave_nothing()
    {
        using Scratch scratch = new();
        File.WriteAllText(scratch.File("kernel"), "kernel");
        EngineContext context = new(scratch.Paths, [new StubVmm(StubVmm.Write(scratch, StubVmm.WellBehaved))]);
        VirtualMachineSpec spec = new() { Name = "web", KernelPath = scratch.File("kernel"), MemoryBytes = 32L << 20, DiskBytes = 16L << 20 };
        List<TimeSpan> times = [];
        await LiveAsync();
        (int Descriptors, int Threads, int Children, string Mounts, string[] Files) before = Count();
        for (int i = 0; i < 1000; i++)
        {
            Stopwatch watch = Stopwatch.StartNew();
            await LiveAsync();
            times.Add(watch.Elapsed);
        }

        Say("life of a stub", times);
        (int Descriptors, int Threads, int Children, string Mounts, string[] Files) after = Count();
        // The runtime's own come and go.
        Assert.InRange(after.Descriptors, 0, before.Descriptors + 10);
        Assert.InRange(after.Threads, 0, before.Threads + 20);
        Assert.Equal(before.Children, after.Children);
        Assert.Equal(before.Mounts, after.Mounts);
        Assert.Equal(before.Files, after.Files);

        async Task LiveAsync()
        {
            VirtualMachine machine = await BootPlan.CreateAsync(context, spec, start: true, NullObserver.Instance, CancellationToken.None);
            await PausePlan.SuspendAsync(context, machine.Id, NullObserver.Instance, CancellationToken.None);
            await StopPlan.StopAsync(context, machine.Id, StopMode.TurnOff, TimeSpan.Zero, NullObserver.Instance, CancellationToken.None);
            await RemovePlan.RemoveAsync(context, machine.Id, force: false, NullObserver.Instance, CancellationToken.None);
        }

        (int, int, int, string, string[]) Count() => (
            CountOfDescriptors(),
            Directory.GetDirectories("/proc/self/task").Length,
            Directory.GetDirectories("/proc/self/task").Sum(ChildrenOf),
            File.ReadAllText("/proc/self/mountinfo"),
            [.. Directory.GetFileSystemEntries(scratch.Path, "*", SearchOption.AllDirectories).Order()]);
    }

    private static int ChildrenOf(string task)
    {
        try
        {
            return File.ReadAllText(Path.Combine(task, "children")).Split(' ', StringSplitOptions.RemoveEmptyEntries).Length;
        }
        catch (IOException)
        {
            // The thread has ended since it was listed.
            return 0;
        }
    }

    private static int CountOfDescriptors() => Directory.GetFileSystemEntries("/proc/self/fd").Length;

    private void Say(string what, List<TimeSpan> times)
    {
        times.Sort();
        output.WriteLine(string.Create(
            CultureInfo.InvariantCulture,
            $"{times.Count} times {what}: median {times[times.Count / 2].TotalMilliseconds:0} ms, worst {times[^1].TotalMilliseconds:0} ms"));
    }
}
