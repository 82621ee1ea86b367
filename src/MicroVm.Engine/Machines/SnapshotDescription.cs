using System.Runtime.InteropServices;
using MicroVm.Engine.Snapshots;
using MicroVm.Engine.State;

namespace MicroVm.Engine.Machines;

/// <summary>Writes down what a captured VM was.</summary>
internal static class SnapshotDescription
{
    /// <summary>The manifest of a capture.</summary>
    /// <param name="record">The VM as it was.</param>
    /// <param name="id">The snapshot's identity.</param>
    /// <param name="name">Its name.</param>
    /// <param name="description">What the user wrote about it.</param>
    /// <param name="directory">Where its files are.</param>
    /// <param name="capture">What was found.</param>
    /// <param name="digests">The files' digests.</param>
    public static SnapshotManifest Of(
        MachineRecord record, Guid id, string name, string? description, string directory, SnapshotCapture.Capture capture, SnapshotDigests digests)
    {
        MachineRun run = record.Run!;
        SnapshotFile Describe(string file, string digest) => new(file, new FileInfo(Path.Combine(directory, file)).Length, digest);
        return new SnapshotManifest
        {
            Version = SnapshotManifest.CurrentVersion,
            Id = id,
            Name = name,
            Description = description,
            MachineId = record.Id,
            MachineName = record.Name,
            MachineDescription = record.Description,
            MachineTags = record.Tags,
            CreatedAt = DateTimeOffset.Now,
            PauseDuration = capture.Pause,
            ParentId = record.RestoredFromSnapshotId,
            Hardware = record.Hardware,
            Boot = record.Boot,
            FormerInterfaces = run.DueFixups?.FormerInterfaces is { Count: > 0 } former ? former : null,
            Network = record.Network,
            KernelDigest = digests.Kernel,
            InitramfsDigest = digests.Initramfs,
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
            Memory = Describe(SnapshotStore.MemoryFile, digests.Memory),
            DeviceState = Describe(SnapshotStore.DeviceStateFile, digests.DeviceState),
            Disk = record.OverlayDisk is null ? null : Describe(SnapshotStore.DiskFile, digests.Disk),
        };
    }
}
