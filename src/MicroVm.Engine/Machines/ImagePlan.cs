using MicroVm.Engine.Errors;
using MicroVm.Engine.Storage;

namespace MicroVm.Engine.Machines;

/// <summary>Installs images the engine can make, and removes images that nothing needs.</summary>
internal static class ImagePlan
{
    /// <summary>Installs an image.</summary>
    public static Task<GuestImage> InstallAsync(EngineContext context, string name, bool force, IOperationObserver observer, CancellationToken cancellationToken) =>
        name.Equals(BootSources.DefaultImage, StringComparison.OrdinalIgnoreCase)
            ? BaseImageBuilder.BuildAsync(context.Images, force ? IfInstalled.Replace : IfInstalled.Fail, observer, cancellationToken)
            : throw new MicroVmException(ErrorIds.ImageNotFound, ErrorKind.NotFound, $"There is no image '{name}' to install.")
            {
                Target = name,
                RecommendedAction = $"Images that can be installed: {string.Join(", ", MicroVmEngine.InstallableImages)}.",
            };

    /// <summary>Removes an image.</summary>
    public static async Task RemoveAsync(EngineContext context, string name, bool force, CancellationToken cancellationToken)
    {
        string? user = force ? null : MachineUsing(context, name) ?? SnapshotUsing(context, name);
        if (user is not null)
        {
            throw new MicroVmException(ErrorIds.ImageInUse, ErrorKind.Busy, $"Image '{name}' is used by {user}.")
            {
                Target = name,
                RecommendedAction = "Remove what uses it first, or use -Force: then that cannot be started or restored any more.",
            };
        }

        await context.Images.RemoveAsync(name, NullObserver.Instance, cancellationToken);
    }

    private static string? MachineUsing(EngineContext context, string image)
    {
        foreach (Guid id in context.Machines.Ids())
        {
            try
            {
                if (context.Machines.Read(id) is { } record && Same(record.Boot.Image, image))
                {
                    return $"VM '{record.Name}'";
                }
            }
            catch (MicroVmException)
            {
                // A damaged record does not say what its VM boots; it cannot boot before it is repaired.
            }
        }

        return null;
    }

    private static string? SnapshotUsing(EngineContext context, string image) =>
        context.Snapshots.List().FirstOrDefault(entry => Same(entry.Manifest?.Boot.Image, image)).Manifest is { } manifest
            ? $"snapshot '{manifest.Name}' of VM '{manifest.MachineName}'"
            : null;

    private static bool Same(string? recorded, string image) => string.Equals(recorded, image, StringComparison.OrdinalIgnoreCase);
}
