using MicroVm.Engine.Native;
using MicroVm.Engine.Snapshots;
using MicroVm.Engine.State;

namespace MicroVm.Engine.Machines;

/// <summary>What is recorded of a VM that is made after another: what the user wrote about that one, its hardware, and what it boots.</summary>
internal static class CloneRecord
{
    /// <summary>The record of a VM made from a capture.</summary>
    /// <param name="origin">What was captured.</param>
    /// <param name="name">The clone's name.</param>
    /// <param name="ephemeral">Whether it goes with this process.</param>
    public static MachineRecord Of(SnapshotManifest origin, string name, bool ephemeral) => Of(
        name,
        origin.MachineName,
        origin.MachineDescription,
        origin.MachineTags,
        origin.Hardware,
        origin.Boot,
        hasDisk: origin.Disk is not null,
        ephemeral);

    /// <summary>The record of a VM made after one that is stopped.</summary>
    /// <param name="origin">That one.</param>
    /// <param name="name">The clone's name.</param>
    /// <param name="ephemeral">Whether it goes with this process.</param>
    public static MachineRecord Of(MachineRecord origin, string name, bool ephemeral) => Of(
        name, origin.Name, origin.Description, origin.Tags, origin.Hardware, origin.Boot, hasDisk: origin.OverlayDisk is not null, ephemeral);

    private static MachineRecord Of(
        string name,
        string originName,
        string? description,
        IReadOnlyDictionary<string, string> tags,
        MachineHardware hardware,
        BootSource boot,
        bool hasDisk,
        bool ephemeral) => new()
        {
            Version = MachineRecord.CurrentVersion,
            Id = Guid.NewGuid(),
            Name = name,
            Description = description,
            Tags = tags,
            CreatedAt = DateTimeOffset.Now,
            Hardware = hardware,
            Boot = BootSources.Renamed(boot, originName, name),
            State = VmState.Stopped,
            OverlayDisk = hasDisk ? "overlay.raw" : null,
            OwnerProcess = ephemeral ? ProcessIdentity.Self : null,
        };
}
