using System.Diagnostics;
using System.Globalization;
using System.Runtime.InteropServices;
using Microsoft.Win32.SafeHandles;
using MicroVm.Engine.Errors;
using MicroVm.Engine.Guest;
using MicroVm.Engine.Guest.Fixups;
using MicroVm.Engine.Native;
using MicroVm.Engine.Snapshots;
using MicroVm.Engine.State;
using MicroVm.Engine.Storage;
using MicroVm.Engine.Vmm;

namespace MicroVm.Engine.Machines;

/// <summary>
/// Takes snapshots. Memory and disk are copied while the guest runs; while it stands, what it changed meanwhile is brought up to date and the devices are
/// saved; digests and durability come after it goes on.
/// </summary>
internal static class SavePlan
{
    // An agent that runs answers in less than a millisecond, and nobody knows whether this guest has one.
    private static readonly TimeSpan s_agentLimit = TimeSpan.FromMilliseconds(500);

    // The images that say when they are ready have one; it may still be starting then.
    private static readonly TimeSpan s_readyAgentLimit = TimeSpan.FromSeconds(2);

    /// <summary>Takes a snapshot and leaves the VM as it was.</summary>
    public static async Task<Snapshot> SaveAsync(
        EngineContext context, Guid id, string? name, string? description, IOperationObserver observer, CancellationToken cancellationToken)
    {
        if (name is not null)
        {
            NameRule.Check(name, "snapshot");
        }

        using LockedMachine machine = await context.OpenAsync(id, "Save-MicroVmSnapshot");
        machine.Require("snapshot", VmState.Running, VmState.Paused, VmState.Unknown);
        name ??= NameFromTime(context, machine.Record);
        RequireFree(context, machine.Record, name);
        Guid snapshotId = Guid.NewGuid();
        string staging = context.Snapshots.Stage(snapshotId);
        PhaseTimer timer = new(observer, $"Save {machine.Record.Name}/{name}");
        Progress progress = new(observer, $"Saving snapshot {name} of {machine.Record.Name}");
        try
        {
            Capture capture = await CaptureAsync(context, machine, staging, timer, progress, observer, cancellationToken);
            ConfigurationDisk.Copy(machine.Record.Boot, machine.Directory, staging);
            SnapshotManifest manifest = await DescribeAsync(machine.Record, snapshotId, name, description, staging, capture, progress, cancellationToken);
            timer.Mark("digests");
            foreach (string file in Directory.EnumerateFiles(staging))
            {
                FileSync.SyncFile(file);
            }

            context.Snapshots.Publish(staging, manifest);
            timer.Mark("durable");
            timer.Done();
            return context.Snapshots.View(manifest);
        }
        catch (Exception exception)
        {
            Directory.Delete(staging, recursive: true);
            throw exception is VmmConnectionException
                ? VmmFailure.Ended(context, machine.Record, machine.Record.Run!, exception)
                : StorageErrors.WrapOrSame(exception, staging);
        }
    }

    private static async Task<Capture> CaptureAsync(
        EngineContext context,
        LockedMachine machine,
        string staging,
        PhaseTimer timer,
        Progress progress,
        IOperationObserver observer,
        CancellationToken cancellationToken)
    {
        await using IVmmConnection connection = await machine.ConnectAsync(cancellationToken);
        MachineRecord before = machine.Record;
        MachineRun run = before.Run!;
        string memoryFile = Path.Combine(staging, SnapshotStore.MemoryFile);
        GuestMemory memory = GuestMemory.Open(run.Process.ProcessId, VmmDescriptors.Memory);
        string machineType = await connection.GetMachineTypeAsync(cancellationToken);
        progress.Report("Memory", 5);
        await memory.CopyBaseAsync(memoryFile, cancellationToken);
        timer.Mark("memory base");
        string? disk = before.OverlayDisk is { } overlay ? Path.Combine(machine.Directory, overlay) : null;
        string diskFile = Path.Combine(staging, SnapshotStore.DiskFile);
        if (disk is not null)
        {
            progress.Report("Disk", 40);
            await SparseFile.CopyAsync(disk, diskFile, cancellationToken);
            timer.Mark("disk base");
        }

        bool wasRunning = before.State == VmState.Running;
        machine.SavePassing(before with { State = VmState.Saving });
        TimeSpan pause = TimeSpan.Zero;
        bool wasReady = false;
        Standstill guest;
        try
        {
            guest = await StandstillAsync(context, before, run, StandAsync, cancellationToken);
            timer.Mark("thaw");
        }
        finally
        {
            machine.SavePassing(before);
        }

        if (guest.ThawFailure is { } failure)
        {
            observer.Warning($"The workload of VM '{before.Name}' stands still until its guest thaws it by itself, half a minute after the snapshot: {failure.Message}");
        }

        timer.Mark("resume");
        return new Capture(machineType, guest.FrozenFor ?? pause, wasReady, guest);

        async Task StandAsync()
        {
            timer.Mark("freeze");
            long pausedAt = Stopwatch.GetTimestamp();
            try
            {
                await connection.PauseAsync(cancellationToken);
                progress.Report("Memory changed meanwhile", 50);
                await memory.CopyChangesAsync(memoryFile, cancellationToken);
                timer.Mark("memory");
                using (SafeFileHandle state = CreateForWriting(Path.Combine(staging, SnapshotStore.DeviceStateFile)))
                {
                    await connection.SaveDeviceStateAsync(state, cancellationToken);
                }

                timer.Mark("devices");
                if (disk is not null)
                {
                    await CopyUpdate.RunAsync(disk, diskFile, cancellationToken);
                    timer.Mark("disk");
                }

                wasReady = IsReady(context, before, run);
            }
            finally
            {
                // Whatever happened, the guest goes on as it was.
                if (wasRunning)
                {
                    await connection.ResumeAsync(CancellationToken.None);
                    pause = Stopwatch.GetElapsedTime(pausedAt);
                }
            }
        }
    }

    // Does the work while the workload is frozen, where the guest has an agent that can.
    private static async Task<Standstill> StandstillAsync(
        EngineContext context, MachineRecord before, MachineRun run, Func<Task> work, CancellationToken cancellationToken)
    {
        Standstill unasked;
        if (before.State != VmState.Running)
        {
            // One that was restored and left paused is as it was in its snapshot.
            unasked = new Standstill(run.DueFixups?.AgentAnswered, run.DueFixups?.WorkloadFrozen ?? false);
        }
        else if (!before.Hardware.HasAgentPort || (before.Boot.ReadyMarker is not null && !IsReady(context, before, run)))
        {
            // It still boots.
            unasked = new Standstill(AgentAnswered: false, WorkloadFrozen: false);
        }
        else
        {
            TimeSpan limit = before.Boot.ReadyMarker is null ? s_agentLimit : s_readyAgentLimit;
            return await Standstill.DuringAsync(GuestAccess.Of(context, before, run), FixupPlan.Cgroups, limit, work, cancellationToken);
        }

        await work();
        return unasked;
    }

    private static bool IsReady(EngineContext context, MachineRecord record, MachineRun run) =>
        record.Boot.ReadyMarker is { } marker
        && (run.ReadyAtStart || LogFile.Contains(context.Machines.SerialLogOf(record.Id), run.SerialLogOffset, marker));

    private static async Task<SnapshotManifest> DescribeAsync(
        MachineRecord record,
        Guid snapshotId,
        string name,
        string? description,
        string staging,
        Capture capture,
        Progress progress,
        CancellationToken cancellationToken)
    {
        progress.Report("Digests", 70);
        string Of(string file) => Path.Combine(staging, file);
        SnapshotFile memory = await BlocksAsync(Of(SnapshotStore.MemoryFile), cancellationToken);
        progress.Report("Digests", 85);
        SnapshotFile? disk = record.OverlayDisk is null ? null : await BlocksAsync(Of(SnapshotStore.DiskFile), cancellationToken);
        string state = Of(SnapshotStore.DeviceStateFile);
        MachineRun run = record.Run!;
        return new SnapshotManifest
        {
            Version = SnapshotManifest.CurrentVersion,
            Id = snapshotId,
            Name = name,
            Description = description,
            MachineId = record.Id,
            MachineName = record.Name,
            CreatedAt = DateTimeOffset.Now,
            PauseDuration = capture.Pause,
            ParentId = record.RestoredFromSnapshotId,
            Hardware = record.Hardware,
            Boot = record.Boot,
            KernelDigest = await DigestAsync(record.Boot.KernelPath, cancellationToken),
            InitramfsDigest = record.Boot.InitramfsPath is { } initramfs ? await DigestAsync(initramfs, cancellationToken) : null,
            GuestWasReady = capture.GuestWasReady,
            AgentAnswered = capture.Guest.AgentAnswered,
            WorkloadFrozen = capture.Guest.WorkloadFrozen,
            IdentityDue = run.DueFixups?.NewIdentity ?? false,
            Host = new SnapshotHost
            {
                Architecture = RuntimeInformation.OSArchitecture.ToString(),
                HypervisorVersion = run.HypervisorVersion,
                MachineType = capture.MachineType,
                Accelerator = run.Accelerator,
                CpuModel = SnapshotChecks.CpuModel(run.Accelerator),
            },
            Memory = memory,
            DeviceState = new SnapshotFile(SnapshotStore.DeviceStateFile, new FileInfo(state).Length, await DigestAsync(state, cancellationToken)),
            Disk = disk,
        };
    }

    private static async Task<SnapshotFile> BlocksAsync(string path, CancellationToken cancellationToken) => new(
        Path.GetFileName(path), new FileInfo(path).Length, "sha256-blocks:" + await FileDigest.BlockSha256Async(path, null, cancellationToken));

    private static async Task<string> DigestAsync(string path, CancellationToken cancellationToken) => "sha256:" + await FileDigest.Sha256Async(path, cancellationToken);

    private static SafeFileHandle CreateForWriting(string path)
    {
        SafeFileHandle file = File.OpenHandle(path, FileMode.CreateNew, FileAccess.Write, FileShare.ReadWrite);
        File.SetUnixFileMode(file, UnixFileMode.UserRead | UnixFileMode.UserWrite);
        return file;
    }

    private static string NameFromTime(EngineContext context, MachineRecord record)
    {
        string time = DateTime.Now.ToString("yyyyMMdd-HHmmss", CultureInfo.InvariantCulture);
        string name = time;
        for (int number = 2; IsTaken(context, record, name); number++)
        {
            // A second is long, and in autumn an hour comes twice.
            name = string.Create(CultureInfo.InvariantCulture, $"{time}-{number}");
        }

        return name;
    }

    private static bool IsTaken(EngineContext context, MachineRecord record, string name) => context.Snapshots.List().Any(entry =>
        entry.Manifest is { } other && other.MachineId == record.Id && other.Name.Equals(name, StringComparison.OrdinalIgnoreCase));

    private static void RequireFree(EngineContext context, MachineRecord record, string name)
    {
        if (IsTaken(context, record, name))
        {
            throw new MicroVmException(ErrorIds.SnapshotAlreadyExists, ErrorKind.AlreadyExists, $"VM '{record.Name}' already has a snapshot named '{name}'.")
            {
                Target = name,
                RecommendedAction = $"Choose another name, or remove that one: Remove-MicroVmSnapshot {name} -VMName {record.Name}",
            };
        }
    }

    private sealed record Capture(string MachineType, TimeSpan Pause, bool GuestWasReady, Standstill Guest);

    private sealed class Progress(IOperationObserver observer, string activity)
    {
        public void Report(string status, int percent) => observer.Progress(new OperationProgress(activity, status, percent));
    }
}
