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
        List<string> users = force ? [] : [.. Users.OfImage(context, name)];
        if (users.Count > 0)
        {
            throw new MicroVmException(ErrorIds.ImageInUse, ErrorKind.Busy, $"Image '{name}' is used by {Users.Join(users)}.")
            {
                Target = name,
                RecommendedAction = "Remove what uses it first, or use -Force: then that cannot be started or restored any more.",
            };
        }

        await context.Images.RemoveAsync(name, NullObserver.Instance, cancellationToken);
    }
}
