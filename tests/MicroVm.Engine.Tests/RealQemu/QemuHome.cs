using MicroVm.Engine.Machines;
using MicroVm.Engine.Snapshots;
using MicroVm.Engine.State;
using MicroVm.Engine.Storage;
using MicroVm.Engine.Tests.Support;

namespace MicroVm.Engine.Tests.RealQemu;

/// <summary>
/// A home with the base image and a snapshot of a guest that has just become ready, of which most tests make clones: that is quicker than booting.
/// <c>MICROVM_TEST_IMAGES</c> names a directory that keeps the image from one run to the next.
/// </summary>
public sealed class QemuHome : IAsyncLifetime
{
    private readonly Scratch _scratch = new();

    /// <summary>What the tests' guests are.</summary>
    public static VirtualMachineSpec Small { get; } = new() { MemoryBytes = 128L << 20, DiskBytes = 64L << 20 };

    public string Path => _scratch.Path;

    public MicroVmPaths Paths => _scratch.Paths;

    public MicroVmEngine Engine { get; private set; } = null!;

    /// <summary>The stopped VM of which <see cref="Golden"/> was taken.</summary>
    public VirtualMachine Origin { get; private set; } = null!;

    /// <summary>A guest that is ready and has done nothing yet.</summary>
    public Snapshot Golden { get; private set; } = null!;

    internal EngineContext Context { get; private set; } = null!;

    public async Task InitializeAsync()
    {
        Engine = new MicroVmEngine(Paths);
        Context = new EngineContext(Paths);
        if (Host.WhyNoQemu is not null)
        {
            return;
        }

        await LinkImagesAsync(Paths);
        VirtualMachine origin = await Engine.CreateAsync(Small with { Name = "origin" }, start: true, NullObserver.Instance, CancellationToken.None);
        await Engine.WaitReadyAsync(origin.Id, TimeSpan.FromSeconds(90), NullObserver.Instance, CancellationToken.None);
        Golden = await Engine.SaveSnapshotAsync(origin.Id, "golden", null, NullObserver.Instance, CancellationToken.None);
        Origin = await Engine.StopAsync(origin.Id, StopMode.TurnOff, TimeSpan.Zero, NullObserver.Instance, CancellationToken.None);
    }

    public async Task DisposeAsync()
    {
        try
        {
            await RemoveAllAsync(keep: null);
            AssertNothingLeft([]);
        }
        finally
        {
            _scratch.Dispose();
        }
    }

    /// <summary>Puts the home into its first state, and fails when a test has left more than VMs and snapshots.</summary>
    public async Task SweepAsync()
    {
        if (Host.WhyNoQemu is null)
        {
            await RemoveAllAsync(Origin.Id);
            AssertNothingLeft([Origin.Id]);
        }
    }

    /// <summary>A clone of the ready guest.</summary>
    public Task<VirtualMachine> CloneAsync(string name) => RestoreAsync(Golden, name);

    public Task<VirtualMachine> RestoreAsync(Snapshot snapshot, string? name) =>
        Engine.RestoreAsync(snapshot.SnapshotId, new RestoreOptions { NewName = name }, NullObserver.Instance, CancellationToken.None);

    public Task<Snapshot> SaveAsync(VirtualMachine machine, string name) =>
        Engine.SaveSnapshotAsync(machine.Id, name, null, NullObserver.Instance, CancellationToken.None);

    public Task<VirtualMachine> StopAsync(VirtualMachine machine, StopMode mode, TimeSpan? timeout = null) =>
        Engine.StopAsync(machine.Id, mode, timeout ?? Limits.Generous, NullObserver.Instance, CancellationToken.None);

    public Task<VirtualMachine> RemoveAsync(VirtualMachine machine) =>
        Engine.RemoveAsync(machine.Id, force: true, NullObserver.Instance, CancellationToken.None);

    /// <summary>What is on this host of these paths: processes, mounts, and the directories of VMs, runs, names and unfinished snapshots.</summary>
    public static IReadOnlyList<string> Inventory(string home)
    {
        List<string> found = [.. Scratch.ProgramsOf(home).Select(program => $"process {program.ProcessId}: {program.CommandLine}")];
        found.AddRange(File.ReadLines("/proc/self/mountinfo").Where(line => line.Contains(home + "/run", StringComparison.Ordinal)).Select(line => $"mount {line}"));
        foreach (string directory in (string[])["run", "data/vms", "data/names", "data/snapshots"])
        {
            string path = System.IO.Path.Combine(home, directory);
            if (Directory.Exists(path))
            {
                found.AddRange(Directory.EnumerateFileSystemEntries(path).Where(entry => !entry.EndsWith(".lock", StringComparison.Ordinal)).Select(entry => $"entry {entry}"));
            }
        }

        found.Sort(StringComparer.Ordinal);
        return found;
    }

    public IReadOnlyList<string> Inventory() => Inventory(Path);

    /// <summary>Gives a home the base image.</summary>
    internal static async Task LinkImagesAsync(MicroVmPaths paths)
    {
        string? shared = Environment.GetEnvironmentVariable("MICROVM_TEST_IMAGES");
        MicroVmPaths store = string.IsNullOrEmpty(shared) ? s_ownStore.Value.Paths : new MicroVmPaths(paths.RunDirectory, System.IO.Path.GetFullPath(shared));
        await BaseImageBuilder.BuildAsync(new ImageStore(store), IfInstalled.Keep, NullObserver.Instance, CancellationToken.None);
        MachineStore.MakeDirectory(paths.DataDirectory);
        File.CreateSymbolicLink(paths.ImagesDirectory, store.ImagesDirectory);
    }

    // Built once per test run; removed when the process ends.
    private static readonly Lazy<Scratch> s_ownStore = new(() =>
    {
        Scratch scratch = new();
        AppDomain.CurrentDomain.ProcessExit += (_, _) => scratch.Dispose();
        return scratch;
    });

    private async Task RemoveAllAsync(Guid? keep)
    {
        foreach (VirtualMachine machine in Engine.GetMachines().ToArray())
        {
            if (machine.Id != keep)
            {
                // A test may have left it with a record that does not fit its process any more.
                await Engine.RemoveAsync(machine.Id, force: true, NullObserver.Instance, CancellationToken.None);
            }
        }

        foreach (Snapshot snapshot in Engine.GetSnapshots().ToArray())
        {
            if (keep is null || snapshot.SnapshotId != Golden.SnapshotId)
            {
                await Engine.RemoveSnapshotAsync(snapshot.SnapshotId, force: true, CancellationToken.None);
            }
        }
    }

    private void AssertNothingLeft(Guid[] machines)
    {
        string[] expected =
        [
            .. machines.Select(id => $"entry {Context.Machines.DirectoryOf(id)}"),
            .. machines.Select(_ => $"entry {System.IO.Path.Combine(Paths.NamesDirectory, "origin")}"),
            .. machines.Select(_ => $"entry {Context.Snapshots.DirectoryOf(Golden.SnapshotId)}"),
        ];
        Assert.Equal(expected.Order(StringComparer.Ordinal), Inventory());
    }
}
