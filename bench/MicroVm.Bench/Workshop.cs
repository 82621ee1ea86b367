using MicroVm.Engine;
using MicroVm.Engine.Machines;
using MicroVm.Engine.Snapshots;
using MicroVm.Engine.State;

namespace MicroVm.Bench;

/// <summary>The directories and the engine that the figures are taken with; everything but the image is removed at the end.</summary>
internal sealed class Workshop : IDisposable
{
    private static readonly TimeSpan s_readyLimit = TimeSpan.FromSeconds(120);
    private int _lastName;

    private Workshop(BenchOptions options)
    {
        Options = options;
        Paths = new MicroVmPaths(Path.Combine(options.Home, "run"), Path.Combine(options.Home, "data"));
        Engine = new MicroVmEngine(Paths);
    }

    /// <summary>What the command line asked for.</summary>
    public BenchOptions Options { get; }

    /// <summary>Where the engine keeps everything.</summary>
    public MicroVmPaths Paths { get; }

    /// <summary>The engine, in this process.</summary>
    public MicroVmEngine Engine { get; }

    /// <summary>The module's manifest.</summary>
    public string Module => Path.Combine(Options.Repository, "MicroVm.psd1");

    /// <summary>The environment in which the module uses the same directories.</summary>
    public (string Name, string Value) Environment => ("MICROVM_HOME", Options.Home);

    /// <summary>Makes the directories, removes what an interrupted run left, and installs the image if it is not there.</summary>
    public static Workshop Open(BenchOptions options)
    {
        Directory.CreateDirectory(options.Home);
        Workshop workshop = new(options);
        workshop.RemoveAll();
        if (!workshop.Engine.GetImages().Any())
        {
            Console.WriteLine("Installing the base image …");
            workshop.Engine.InstallImageAsync("base", false, NullObserver.Instance, default).GetAwaiter().GetResult();
        }

        return workshop;
    }

    /// <summary>A name no VM has had.</summary>
    public string NewName() => $"bench-{++_lastName}";

    /// <summary>Creates a VM and boots it.</summary>
    public VirtualMachine Create(long memoryMiB = 256) =>
        Engine.CreateAsync(new VirtualMachineSpec { Name = NewName(), MemoryBytes = memoryMiB << 20 }, true, NullObserver.Instance, default)
            .GetAwaiter().GetResult();

    /// <summary>Waits until the guest is up.</summary>
    public void WaitReady(VirtualMachine vm) =>
        Engine.WaitReadyAsync(vm.Id, s_readyLimit, NullObserver.Instance, default).GetAwaiter().GetResult();

    /// <summary>Takes a snapshot.</summary>
    public Snapshot Save(VirtualMachine vm) =>
        Engine.SaveSnapshotAsync(vm.Id, NewName(), null, NullObserver.Instance, default).GetAwaiter().GetResult();

    /// <summary>Pauses a VM.</summary>
    public void Suspend(VirtualMachine vm) => Engine.SuspendAsync(vm.Id, NullObserver.Instance, default).GetAwaiter().GetResult();

    /// <summary>Makes a clone.</summary>
    public VirtualMachine Restore(Snapshot snapshot, bool fixups = false) => Engine
        .RestoreAsync(snapshot.SnapshotId, new RestoreOptions { NewName = NewName(), NoFixup = !fixups }, NullObserver.Instance, default)
        .GetAwaiter().GetResult();

    /// <summary>Removes a VM, running or not.</summary>
    public void Remove(VirtualMachine vm) => Engine.RemoveAsync(vm.Id, true, NullObserver.Instance, default).GetAwaiter().GetResult();

    /// <summary>Removes a snapshot.</summary>
    public void Remove(Snapshot snapshot) => Engine.RemoveSnapshotAsync(snapshot.SnapshotId, force: true, default).GetAwaiter().GetResult();

    /// <summary>Removes all VMs and snapshots.</summary>
    public void RemoveAll()
    {
        foreach (VirtualMachine vm in Engine.GetMachines().ToList())
        {
            Remove(vm);
        }

        foreach (Snapshot snapshot in Engine.GetSnapshots().ToList())
        {
            Remove(snapshot);
        }
    }

    /// <inheritdoc/>
    public void Dispose() => RemoveAll();
}
