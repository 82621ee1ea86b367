using System.Globalization;
using MicroVm.Engine.Native;
using MicroVm.Engine.Snapshots;
using MicroVm.Engine.State;
using MicroVm.Engine.Storage;
using MicroVm.Engine.Vmm;

namespace MicroVm.Engine.Machines;

/// <summary>Takes snapshots: the VM is captured; digests and durability come after it goes on.</summary>
internal static class SavePlan
{
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
        SnapshotNames.RequireFree(context, id, machine.Record.Name, name);
        Guid snapshotId = Guid.NewGuid();
        string staging = context.Snapshots.Stage(snapshotId);
        PhaseTimer timer = new(observer, $"Save {machine.Record.Name}/{name}");
        string activity = $"Saving snapshot {name} of {machine.Record.Name}";
        try
        {
            Failpoint.Reach(Failpoints.SaveStaged);
            SnapshotCapture.Capture capture = await SnapshotCapture.RunAsync(context, machine, staging, timer, activity, observer, cancellationToken);
            ConfigurationDisk.Copy(machine.Record.Boot, machine.Directory, staging);
            SnapshotDigests digests = await DigestAsync(machine.Record, staging, Report, cancellationToken);
            SnapshotManifest manifest = SnapshotDescription.Of(machine.Record, snapshotId, name, description, staging, capture, digests);
            timer.Mark("digests");
            Failpoint.Reach(Failpoints.SaveDigests);
            foreach (string file in Directory.EnumerateFiles(staging))
            {
                FileSync.SyncFile(file);
            }

            Failpoint.Reach(Failpoints.SaveSynced);
            context.Snapshots.Publish(staging, manifest);
            timer.Mark("durable");
            timer.Done();
            return context.Snapshots.View(manifest);
        }
        catch (Exception exception)
        {
            SnapshotCapture.Abandon(context, machine, staging, snapshotId, observer);
            throw exception is VmmConnectionException
                ? VmmFailure.Ended(context, machine.Record, machine.Record.Run!, exception)
                : StorageErrors.WrapOrSame(exception, staging);
        }

        void Report(string status, int percent) => observer.Progress(new OperationProgress(activity, status, percent));
    }

    private static async Task<SnapshotDigests> DigestAsync(
        MachineRecord record, string staging, Action<string, int> report, CancellationToken cancellationToken)
    {
        report("Digests", 70);
        string memory = await RecordedDigest.OfBlocksAsync(Path.Combine(staging, SnapshotStore.MemoryFile), cancellationToken);
        report("Digests", 85);
        return new SnapshotDigests
        {
            Memory = memory,
            DeviceState = await RecordedDigest.OfFileAsync(Path.Combine(staging, SnapshotStore.DeviceStateFile), cancellationToken),
            Disk = record.OverlayDisk is null ? "" : await RecordedDigest.OfBlocksAsync(Path.Combine(staging, SnapshotStore.DiskFile), cancellationToken),
            Kernel = await RecordedDigest.OfFileAsync(record.Boot.KernelPath, cancellationToken),
            Initramfs = record.Boot.InitramfsPath is { } initramfs ? await RecordedDigest.OfFileAsync(initramfs, cancellationToken) : null,
        };
    }

    private static string NameFromTime(EngineContext context, MachineRecord record)
    {
        string time = DateTime.Now.ToString("yyyyMMdd-HHmmss", CultureInfo.InvariantCulture);
        string name = time;
        for (int number = 2; SnapshotNames.IsTaken(context, record.Id, name); number++)
        {
            // A second is long, and in autumn an hour comes twice.
            name = string.Create(CultureInfo.InvariantCulture, $"{time}-{number}");
        }

        return name;
    }
}
