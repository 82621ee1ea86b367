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
    /// <param name="ports">The ports it publishes: never its origin's.</param>
    /// <param name="ephemeral">Whether it goes with this process.</param>
    public static MachineRecord Of(SnapshotManifest origin, string name, IReadOnlyList<PublishedPort> ports, bool ephemeral) => Of(
        name,
        origin.MachineName,
        origin.MachineDescription,
        origin.MachineTags,
        origin.Hardware,
        origin.Boot,
        origin.Network,
        hasDisk: origin.Disk is not null,
        ports,
        ephemeral);

    /// <summary>The record of a VM made after one that is stopped.</summary>
    /// <param name="origin">That one.</param>
    /// <param name="name">The clone's name.</param>
    /// <param name="ports">The ports it publishes: never its origin's.</param>
    /// <param name="ephemeral">Whether it goes with this process.</param>
    public static MachineRecord Of(MachineRecord origin, string name, IReadOnlyList<PublishedPort> ports, bool ephemeral) => Of(
        name, origin.Name, origin.Description, origin.Tags, origin.Hardware, origin.Boot, origin.Network, hasDisk: origin.OverlayDisk is not null, ports, ephemeral);

    /// <summary>Says which ports of its origin a clone does not publish, unless some were chosen for it.</summary>
    public static void WarnOfPorts(
        string originName, MachineNetwork? origin, string name, IReadOnlyList<PublishedPort>? chosen, IOperationObserver observer)
    {
        if (chosen is null && origin is { PublishedPorts: { Count: > 0 } left })
        {
            observer.Warning($"'{name}' does not publish what '{originName}' does: {string.Join(", ", left)}. Use -Publish, or Publish-MicroVmPort.");
        }
    }

    private static MachineRecord Of(
        string name,
        string originName,
        string? description,
        IReadOnlyDictionary<string, string> tags,
        MachineHardware hardware,
        BootSource boot,
        MachineNetwork? network,
        bool hasDisk,
        IReadOnlyList<PublishedPort> ports,
        bool ephemeral) => new()
        {
            Version = MachineRecord.CurrentVersion,
            Id = Guid.NewGuid(),
            Name = name,
            Description = description,
            Tags = tags,
            CreatedAt = DateTimeOffset.Now,
            Hardware = hardware with { Interfaces = [.. hardware.Interfaces.Select(InterfaceChoice.OfClone)] },
            Boot = BootSources.Renamed(boot, originName, name),
            Network = network is null ? null : network with { Slots = [], PublishedPorts = ports },
            State = VmState.Stopped,
            OverlayDisk = hasDisk ? "overlay.raw" : null,
            OwnerProcess = ephemeral ? ProcessIdentity.Self : null,
        };
}
