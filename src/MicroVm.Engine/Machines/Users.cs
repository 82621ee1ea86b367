using MicroVm.Engine.Snapshots;
using MicroVm.Engine.State;

namespace MicroVm.Engine.Machines;

/// <summary>Who needs an image or a snapshot.</summary>
internal static class Users
{
    // More names than that tell nobody more.
    private const int MostNamed = 5;

    /// <summary>The VMs and snapshots that were made from an image, each in words.</summary>
    public static IEnumerable<string> OfImage(EngineContext context, string image) =>
    [
        .. Records(context).Where(record => Same(record.Boot.Image, image)).Select(record => $"VM '{record.Name}'"),
        .. context.Snapshots.List()
            .Select(entry => entry.Manifest)
            .OfType<SnapshotManifest>()
            .Where(manifest => Same(manifest.Boot.Image, image))
            .Select(manifest => $"snapshot '{manifest.Name}' of VM '{manifest.MachineName}'"),
    ];

    /// <summary>The VMs whose memory is mapped from a snapshot, or is about to be, each in words.</summary>
    public static IEnumerable<string> OfSnapshot(EngineContext context, Guid snapshotId) => Records(context)
        .Where(record => record.RestoredFromSnapshotId == snapshotId
            && (record.Run is { } run ? run.Process.IsAlive : MachineLock.IsHeld(context.Machines.DirectoryOf(record.Id))))
        .Select(record => $"VM '{record.Name}'");

    /// <summary>A list of them for a message.</summary>
    public static string Join(IReadOnlyCollection<string> users) => string.Join(", ", users.Take(MostNamed))
        + (users.Count > MostNamed ? $" and {users.Count - MostNamed} more" : "");

    // A damaged record does not say what its VM uses; it cannot boot before it is repaired.
    private static IEnumerable<MachineRecord> Records(EngineContext context) =>
        context.Machines.Ids().Select(id => MachineView.TryRead(context, id)).OfType<MachineRecord>();

    private static bool Same(string? recorded, string image) => string.Equals(recorded, image, StringComparison.OrdinalIgnoreCase);
}
