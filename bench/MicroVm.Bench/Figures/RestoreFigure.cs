using Microsoft.Win32.SafeHandles;
using MicroVm.Bench.Baselines;
using MicroVm.Engine.Machines;
using MicroVm.Engine.Snapshots;
using MicroVm.Engine.Storage;
using MicroVm.Engine.Vmm;
using MicroVm.Engine.Vmm.Qemu;

namespace MicroVm.Bench.Figures;

/// <summary>Restoring a snapshot as a running clone, against the least that QEMU needs for it.</summary>
internal static class RestoreFigure
{
    private const int StateDescriptor = 6;
    private const double TargetOverBare = 1.3;
    private const double TargetOverSmall = 1.15;

    /// <summary>Takes the figure.</summary>
    public static Figure Take(Workshop workshop)
    {
        Snapshot small = SnapshotOf(workshop, 256, suspended: true);
        Snapshot big = SnapshotOf(workshop, 2048, suspended: true);
        Snapshot running = SnapshotOf(workshop, 256, suspended: false);
        BareRestore bareSmall = new(workshop, small);
        BareRestore bareBig = new(workshop, big);
        List<Series> series = Sampler.Interleave(
            3,
            workshop.Options.Samples(30),
            Candidate.Ours("engine: Restore-MicroVm, 256 MiB", () => Engine(workshop, small)),
            Candidate.Baseline("bare client, 256 MiB", bareSmall.Take),
            Candidate.Ours("engine: Restore-MicroVm, 2 GiB", () => Engine(workshop, big)),
            Candidate.Baseline("bare client, 2 GiB", bareBig.Take),
            Candidate.Ours("engine: Restore-MicroVm, 256 MiB, with fixups", () => Engine(workshop, running, fixups: true)));
        List<Series> fresh = Sampler.Interleave(
            1,
            workshop.Options.Samples(12),
            Candidate.Ours("Restore-MicroVm 256 MiB, first call in a fresh pwsh", () => Fresh(workshop, small)),
            Candidate.Baseline("bare client, beside it", bareSmall.Take));
        workshop.Remove(small);
        workshop.Remove(big);
        workshop.Remove(running);
        return new Figure(
            "restore",
            "Restore a snapshot as a running clone",
            "Real QEMU, a guest that was past its ready marker. The engine checks the snapshot, copies the disk, isolates QEMU, loads the state, lets "
            + "the guest run and records the VM. The bare client starts QEMU with the same arguments and does migrate-incoming and cont, without "
            + "isolation, checks, records or disk copy. Where fixups are not named, nothing is done in the guest (-NoFixup, of a VM that was paused when it was "
            + "saved); with them clock, random numbers, host name and machine id are set before its workload goes on. A new QEMU translates all guest code "
            + "that takes anew: under TCG that is most of it.",
            [.. series, .. fresh],
            [
                Verdict.AtMost("engine against the bare client, 256 MiB", series[0].Median / series[1].Median, TargetOverBare),
                Verdict.AtMost("engine against the bare client, 2 GiB", series[2].Median / series[3].Median, TargetOverBare),
                Verdict.AtMost("2 GiB against 256 MiB", series[2].Median / series[0].Median, TargetOverSmall),
                Verdict.Time("what the fixups take", series[4].Median - series[0].Median),
                Verdict.AtMost("first call in a fresh pwsh against the bare client", fresh[0].Median / fresh[1].Median, TargetOverBare),
            ]);
    }

    private static double Fresh(Workshop workshop, Snapshot snapshot) =>
        Pwsh.RunScript("FirstRestore.ps1", [workshop.Module, snapshot.VMName, snapshot.Name], workshop.Environment)[0];

    private static Snapshot SnapshotOf(Workshop workshop, long memoryMiB, bool suspended)
    {
        VirtualMachine vm = workshop.Create(memoryMiB);
        workshop.WaitReady(vm);
        if (suspended)
        {
            workshop.Suspend(vm);
        }

        Snapshot snapshot = workshop.Save(vm);
        workshop.Remove(vm);
        return snapshot;
    }

    private static double Engine(Workshop workshop, Snapshot snapshot, bool fixups = false)
    {
        VirtualMachine? vm = null;
        double time = Sampler.Time(() => vm = workshop.Restore(snapshot, fixups));
        workshop.Remove(vm!);
        return time;
    }

    private sealed class BareRestore
    {
        private readonly string _directory;
        private readonly string _snapshot;
        private readonly string _program;
        private readonly IReadOnlyList<string> _arguments;
        private readonly string _stateUri;

        public BareRestore(Workshop workshop, Snapshot snapshot)
        {
            _directory = Directory.CreateDirectory(Path.Combine(workshop.Options.Home, $"bare-{snapshot.MemoryBytes >> 20}")).FullName;
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

        public double Take()
        {
            File.Delete(DiskPath);
            SparseFile.Copy(Path.Combine(_snapshot, SnapshotStore.DiskFile), DiskPath);
            BareClient? client = null;
            double time = Sampler.Time(() =>
            {
                using SafeFileHandle memory = OpenMemory();
                using SafeFileHandle state = File.OpenHandle(Path.Combine(_snapshot, SnapshotStore.DeviceStateFile));
                client = BareClient.Start(_program, _arguments, _directory, memory, state);
                client.LoadAndRun(_stateUri);
            });
            client!.Dispose();
            return time;
        }

        private SafeFileHandle OpenMemory() =>
            File.OpenHandle(Path.Combine(_snapshot, SnapshotStore.MemoryFile), FileMode.Open, FileAccess.ReadWrite, FileShare.ReadWrite | FileShare.Delete);

        private void DeleteSockets()
        {
            File.Delete(QemuLaunch.ControlSocketIn(_directory));
            File.Delete(QemuLaunch.SerialSocketIn(_directory));
        }
    }
}
