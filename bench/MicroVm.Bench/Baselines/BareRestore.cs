using Microsoft.Win32.SafeHandles;
using MicroVm.Engine.Snapshots;
using MicroVm.Engine.Storage;
using MicroVm.Engine.Vmm;
using MicroVm.Engine.Vmm.Qemu;

namespace MicroVm.Bench.Baselines;

/// <summary>The least that QEMU needs to go on with a snapshot.</summary>
internal sealed class BareRestore
{
    private const int StateDescriptor = 6;

    private readonly string _directory;
    private readonly string _snapshot;
    private readonly string _program;
    private readonly IReadOnlyList<string> _arguments;
    private readonly string _stateUri;

    /// <summary>Prepares the command.</summary>
    /// <param name="workshop">Where the figures are taken.</param>
    /// <param name="snapshot">The snapshot.</param>
    /// <param name="name">The name of a directory for its files.</param>
    public BareRestore(Workshop workshop, Snapshot snapshot, string name)
    {
        _directory = Directory.CreateDirectory(Path.Combine(workshop.Options.Home, name)).FullName;
        _snapshot = snapshot.Path;
        SnapshotManifest manifest = new SnapshotStore(workshop.Paths).Read(snapshot.SnapshotId)!;
        using SafeFileHandle memory = OpenMemory();
        VmmMachine machine = new()
        {
            Program = new QemuDriver().FindProgram(path: null),
            Id = Guid.NewGuid(),
            Name = "bare",
            Accelerator = manifest.Host.Accelerator,
            CpuCount = manifest.Hardware.CpuCount,
            MemoryBytes = manifest.Hardware.MemoryBytes,
            Memory = memory,
            MemoryIsShared = false,
            KernelPath = manifest.Boot.KernelPath,
            InitramfsPath = manifest.Boot.InitramfsPath,
            KernelCommandLine = string.Join(' ', manifest.Boot.KernelArguments),
            Disks = [new VmmDisk(DiskPath, GuestContract.OverlaySerial, ReadOnly: false)],
            RunDirectory = _directory,
            SerialLogPath = Path.Combine(_directory, "serial.log"),
            VmmLogPath = Path.Combine(_directory, "vmm.log"),
            RestoreMachineType = manifest.Host.MachineType,
            AgentPort = GuestContract.AgentPort,
        };
        DeleteSockets();
        // Of the run before. They are made anew with the command, and stay.
        File.Delete(QemuLaunch.AgentPipeIn(_directory) + ".in");
        File.Delete(QemuLaunch.AgentPipeIn(_directory) + ".out");
        using VmmCommand command = new QemuDriver().Prepare(machine);
        _program = command.Program;
        _stateUri = Version.Parse(manifest.Host.HypervisorVersion) >= QemuSnapshot.FirstWithFile
            ? $"file:/proc/self/fd/{StateDescriptor}"
            : $"fd:{StateDescriptor}";
        _arguments = [.. command.Arguments];
        DeleteSockets();
    }

    private string DiskPath => Path.Combine(_directory, "disk.raw");

    /// <summary>How long it takes, in milliseconds.</summary>
    public double Take()
    {
        CopyDisk();
        BareClient? client = null;
        double time = Sampler.Time(() => client = Start());
        client!.Dispose();
        return time;
    }

    /// <summary>Copies the snapshot's disk, which is not measured.</summary>
    public void CopyDisk()
    {
        File.Delete(DiskPath);
        SparseFile.Copy(Path.Combine(_snapshot, SnapshotStore.DiskFile), DiskPath);
    }

    /// <summary>Starts a clone; its disk has been copied.</summary>
    public BareClient Start()
    {
        using SafeFileHandle memory = OpenMemory();
        using SafeFileHandle state = File.OpenHandle(Path.Combine(_snapshot, SnapshotStore.DeviceStateFile));
        BareClient client = BareClient.Start(_program, _arguments, _directory, memory, state);
        client.LoadAndRun(_stateUri);
        return client;
    }

    private SafeFileHandle OpenMemory() =>
        File.OpenHandle(Path.Combine(_snapshot, SnapshotStore.MemoryFile), FileMode.Open, FileAccess.ReadWrite, FileShare.ReadWrite | FileShare.Delete);

    private void DeleteSockets()
    {
        File.Delete(QemuLaunch.ControlSocketIn(_directory));
        File.Delete(QemuLaunch.SerialSocketIn(_directory));
    }
}
