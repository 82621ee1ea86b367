// The life of a VM, driven from C#: create, wait, suspend, save, restore two clones, show that they go on where the VM stood, remove.

using System.Diagnostics;
using MicroVm.Engine;
using MicroVm.Engine.Errors;
using MicroVm.Engine.Machines;
using MicroVm.Engine.Snapshots;
using MicroVm.Engine.State;
using MicroVm.Samples;

TimeSpan readyLimit = TimeSpan.FromSeconds(120);
MicroVmEngine engine = new(MicroVmPaths.FromEnvironment());
ConsoleObserver observer = new(verbose: args.Contains("--verbose"));
using CancellationTokenSource stop = new();
Console.CancelKeyPress += (_, pressed) =>
{
    pressed.Cancel = true;
    stop.Cancel();
};

List<VirtualMachine> machines = [];
Snapshot? snapshot = null;
try
{
    if (!engine.GetImages().Any(image => image.Name == "base"))
    {
        await Step("Install image base", () => engine.InstallImageAsync("base", force: false, observer, stop.Token), image => image.Description!);
    }

    VirtualMachine vm = await Step(
        "Create and boot",
        () => engine.CreateAsync(new VirtualMachineSpec { Image = "base" }, start: true, observer, stop.Token),
        made => $"{made.Name}: {made.Hypervisor} {made.HypervisorVersion} ({made.Accelerator}), process {made.ProcessId}");
    machines.Add(vm);
    await Step("Wait until ready", () => engine.WaitReadyAsync(vm.Id, readyLimit, observer, stop.Token), _ => "the guest wrote its ready marker");

    Counter counter = new(engine, vm);
    await Step("Count on its console", () => counter.StartAsync(untilTick: 5, stop.Token), tick => $"tick {tick}");
    await Step("Suspend", () => engine.SuspendAsync(vm.Id, observer, stop.Token), suspended => $"{suspended.State} at tick {counter.LastTick}");
    snapshot = await Step(
        "Save snapshot",
        () => engine.SaveSnapshotAsync(vm.Id, "demo", description: null, observer, stop.Token),
        saved => $"{saved.Name}: {saved.SizeBytes / 1048576.0:0.0} MiB for {saved.MemoryBytes >> 20} MiB of memory and the disk");

    for (int number = 1; number <= 2; number++)
    {
        RestoreOptions options = new() { NewName = $"{vm.Name}-{number}" };
        VirtualMachine clone = await Step(
            $"Restore clone {number}",
            () => engine.RestoreAsync(snapshot.SnapshotId, options, observer, stop.Token),
            restored => $"{restored.Name}: {restored.State}, process {restored.ProcessId}");
        machines.Add(clone);
        await Step("  it goes on", () => counter.FollowAsync(clone, ticks: 3, stop.Token), ticks => $"ticks {string.Join(", ", ticks)}");
    }

    await Step("Resume the first", () => engine.ResumeAsync(vm.Id, observer, stop.Token), resumed => $"{resumed.State}");
}
catch (Exception failure) when (IsExpected(failure))
{
    Report(failure);
}

foreach (VirtualMachine machine in machines)
{
    await CleanUp("Remove", () => engine.RemoveAsync(machine.Id, force: true, observer, CancellationToken.None), removed => removed.Name);
}

if (snapshot is not null)
{
    await CleanUp("Remove snapshot", RemoveSnapshotAsync, name => name);
}

return Environment.ExitCode;

async Task<string> RemoveSnapshotAsync()
{
    await engine.RemoveSnapshotAsync(snapshot.SnapshotId, force: true, CancellationToken.None);
    return snapshot.Name;
}

// What is left after a failure is removed all the same.
static async Task CleanUp<T>(string what, Func<Task<T>> work, Func<T, string> describe)
{
    try
    {
        await Step(what, work, describe);
    }
    catch (MicroVmException failure)
    {
        Report(failure);
    }
}

static bool IsExpected(Exception failure) => failure is MicroVmException or InvalidDataException or OperationCanceledException;

static void Report(Exception failure)
{
    Environment.ExitCode = 1;
    Console.Error.WriteLine(failure is MicroVmException known ? $"{known.ErrorId}: {known.Message} {known.RecommendedAction}" : failure.Message);
}

static async Task<T> Step<T>(string what, Func<Task<T>> work, Func<T, string> describe)
{
    long start = Stopwatch.GetTimestamp();
    T result = await work();
    Console.WriteLine($"{what,-21} {Stopwatch.GetElapsedTime(start).TotalMilliseconds,8:0.0} ms   {describe(result)}");
    return result;
}
