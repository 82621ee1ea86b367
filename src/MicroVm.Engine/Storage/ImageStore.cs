using System.Security.Cryptography;
using MicroVm.Engine.Errors;
using MicroVm.Engine.Native;
using MicroVm.Engine.State;

namespace MicroVm.Engine.Storage;

/// <summary>What an install does when the image is there already.</summary>
internal enum IfInstalled
{
    /// <summary>Fail with ImageAlreadyExists.</summary>
    Fail,

    /// <summary>Leave it and return it.</summary>
    Keep,

    /// <summary>Put the new one in its place, in one step.</summary>
    Replace,
}

/// <summary>
/// The installed images: one directory each, named by the image's name in lower case. A directory is complete or absent; whatever begins with a dot is
/// work in progress. Reading takes no lock.
/// </summary>
internal sealed class ImageStore(MicroVmPaths paths)
{
    private const UnixFileMode OwnerOnly = UnixFileMode.UserRead | UnixFileMode.UserWrite | UnixFileMode.UserExecute;

    /// <summary>All images, in no particular order; a damaged one is listed with its status.</summary>
    public IEnumerable<GuestImage> List()
    {
        foreach (string directory in MachineStore.DirectoriesIn(paths.ImagesDirectory))
        {
            string name = Path.GetFileName(directory);
            if (NameRule.IsValid(name) && Describe(directory, name) is { } image)
            {
                yield return image;
            }
        }
    }

    /// <summary>Whether an image of that name is installed.</summary>
    public bool Exists(string name) => NameRule.IsValid(name) && File.Exists(Path.Combine(DirectoryOf(name), ImageManifest.FileName));

    /// <summary>An image with its manifest. The sizes of its files are checked; <see cref="VerifyAsync"/> checks their content.</summary>
    /// <exception cref="MicroVmException">ImageNotFound or ImageCorrupt; InvalidMicroVmSpec for what cannot be a name.</exception>
    public (GuestImage Image, ImageManifest Manifest) Get(string name)
    {
        string directory = DirectoryOf(name);
        try
        {
            byte[] json = File.ReadAllBytes(Path.Combine(directory, ImageManifest.FileName));
            ImageManifest manifest = ImageManifest.Parse(json);
            CheckSizes(directory, manifest);
            return (ToGuestImage(directory, manifest, json), manifest);
        }
        catch (Exception exception) when (exception is FileNotFoundException or DirectoryNotFoundException && !Directory.Exists(directory))
        {
            throw new MicroVmException(ErrorIds.ImageNotFound, ErrorKind.NotFound, $"There is no image '{name}'.")
            {
                Target = name,
                RecommendedAction = MicroVmEngine.InstallableImages.Contains(name, StringComparer.OrdinalIgnoreCase)
                    ? $"Install-MicroVmImage {name}"
                    : "Get-MicroVmImage lists what is installed; name one of those, or give -KernelPath.",
            };
        }
        catch (Exception exception) when (exception is InvalidDataException or FileNotFoundException)
        {
            throw Corrupt(name, exception);
        }
        catch (Exception exception) when (exception is IOException or UnauthorizedAccessException)
        {
            throw StorageErrors.Wrap(exception, directory);
        }
    }

    /// <summary>Checks the content of an image's files against the digests in its manifest.</summary>
    /// <exception cref="MicroVmException">ImageNotFound or ImageCorrupt.</exception>
    public async Task VerifyAsync(string name, CancellationToken cancellationToken)
    {
        (GuestImage image, ImageManifest manifest) = Get(name);
        foreach (ImageFile file in manifest.Files())
        {
            if (await FileDigest.Sha256Async(Path.Combine(image.Path, file.File), cancellationToken) != file.Sha256)
            {
                throw Corrupt(name, new InvalidDataException($"The digest of '{file.File}' is not the one in the manifest."));
            }
        }
    }

    /// <summary>
    /// Installs an image: <paramref name="fill"/> writes the files into a staging directory and describes them; then they are made durable and appear under the
    /// image's name in one step. A second install waits for the first. On failure and when cancelled nothing is left.
    /// </summary>
    /// <param name="name">The image's name.</param>
    /// <param name="ifInstalled">What to do when it is there already.</param>
    /// <param name="fill">Makes the files in the directory it is given. Its errors pass unchanged.</param>
    /// <param name="observer">Hears of waits.</param>
    /// <param name="cancellationToken">Cancels the wait and is given to <paramref name="fill"/>.</param>
    /// <exception cref="MicroVmException">ImageAlreadyExists, DiskFull, PermissionDenied or StorageFailed; or what <paramref name="fill"/> throws.</exception>
    public async Task<GuestImage> InstallAsync(
        string name,
        IfInstalled ifInstalled,
        Func<string, CancellationToken, Task<ImageManifest>> fill,
        IOperationObserver observer,
        CancellationToken cancellationToken)
    {
        string directory = DirectoryOf(name);
        try
        {
            using ImageStoreLock held = await LockAsync(observer, cancellationToken);
            if (ifInstalled != IfInstalled.Replace && Exists(name))
            {
                return ifInstalled == IfInstalled.Keep ? Get(name).Image : throw AlreadyExists(name);
            }

            string staging = Path.Combine(paths.ImagesDirectory, OwnedName.StagingPrefix + Guid.NewGuid().ToString("N"));
            try
            {
                Directory.CreateDirectory(staging, OwnerOnly);
                ImageManifest manifest = await fill(staging, cancellationToken);
                Publish(staging, directory, manifest);
            }
            finally
            {
                DeleteDirectory(staging);
            }

            return Get(name).Image;
        }
        catch (Exception exception) when (exception is IOException or UnauthorizedAccessException)
        {
            throw StorageErrors.Wrap(exception, directory);
        }
    }

    /// <summary>Removes an image. Whether something still needs it is the caller's to know.</summary>
    /// <exception cref="MicroVmException">ImageNotFound, PermissionDenied or StorageFailed.</exception>
    public async Task RemoveAsync(string name, IOperationObserver observer, CancellationToken cancellationToken)
    {
        string directory = DirectoryOf(name);
        try
        {
            using ImageStoreLock held = await LockAsync(observer, cancellationToken);
            if (!Directory.Exists(directory))
            {
                // For its error.
                Get(name);
            }

            // Out of sight first, so that nobody finds half an image.
            string doomed = Path.Combine(paths.ImagesDirectory, OwnedName.StagingPrefix + Guid.NewGuid().ToString("N"));
            Directory.Move(directory, doomed);
            DeleteDirectory(doomed);
        }
        catch (Exception exception) when (exception is IOException or UnauthorizedAccessException)
        {
            throw StorageErrors.Wrap(exception, directory);
        }
    }

    /// <summary>What those who were killed have left; nothing while somebody is changing the images.</summary>
    public IReadOnlyList<string> Abandoned()
    {
        // In this order: those of one who begins now are not found.
        string[] found = [.. MachineStore.DirectoriesIn(paths.ImagesDirectory).Where(path => Path.GetFileName(path).StartsWith(OwnedName.StagingPrefix, StringComparison.Ordinal))];
        return ImageStoreLock.IsHeld(paths.ImagesDirectory) ? [] : found;
    }

    /// <summary>Removes one of <see cref="Abandoned"/>.</summary>
    /// <returns>Whether it was still there, and nobody is changing the images.</returns>
    public bool Sweep(string leftover)
    {
        using ImageStoreLock? held = ImageStoreLock.TryAcquire(paths.ImagesDirectory);
        if (held is null || !Directory.Exists(leftover))
        {
            return false;
        }

        Directory.Delete(leftover, recursive: true);
        return true;
    }

    private static void Publish(string staging, string directory, ImageManifest manifest)
    {
        foreach (ImageFile file in manifest.Files())
        {
            using FileStream stream = new(Path.Combine(staging, file.File), FileMode.Open, FileAccess.ReadWrite);
            stream.Flush(flushToDisk: true);
        }

        // Makes the directory durable too.
        AtomicFile.Write(Path.Combine(staging, ImageManifest.FileName), manifest.ToJson());
        if (Directory.Exists(directory))
        {
            // The old one is in the staging directory then, and goes with it.
            FileExchange.Swap(staging, directory);
        }
        else
        {
            Directory.Move(staging, directory);
        }

        FileSync.SyncDirectory(Path.GetDirectoryName(directory)!);
    }

    private static GuestImage? Describe(string directory, string name)
    {
        string status;
        try
        {
            byte[] json = File.ReadAllBytes(Path.Combine(directory, ImageManifest.FileName));
            ImageManifest manifest = ImageManifest.Parse(json);
            GuestImage image = ToGuestImage(directory, manifest, json);
            try
            {
                CheckSizes(directory, manifest);
                return image;
            }
            catch (Exception exception) when (exception is InvalidDataException or IOException)
            {
                return image with { Status = exception.Message };
            }
        }
        catch (DirectoryNotFoundException)
        {
            // Removed since it was listed.
            return null;
        }
        catch (Exception exception) when (exception is InvalidDataException or IOException or UnauthorizedAccessException)
        {
            status = $"The manifest cannot be read: {exception.Message}";
        }

        return new GuestImage { Name = name, Digest = "", Path = directory, KernelPath = "", Status = status };
    }

    private static void CheckSizes(string directory, ImageManifest manifest)
    {
        foreach (ImageFile file in manifest.Files())
        {
            long length = new FileInfo(Path.Combine(directory, file.File)).Length;
            if (length != file.Bytes)
            {
                throw new InvalidDataException($"'{file.File}' has {length} bytes instead of {file.Bytes}.");
            }
        }
    }

    private static GuestImage ToGuestImage(string directory, ImageManifest manifest, byte[] json) => new()
    {
        Name = manifest.Name,
        Digest = "sha256:" + Convert.ToHexStringLower(SHA256.HashData(json)),
        Description = manifest.Description,
        KernelVersion = manifest.Kernel.Release,
        CreatedAt = manifest.CreatedAt,
        SizeBytes = manifest.Files().Sum(f => f.Bytes),
        MinimumMemoryBytes = manifest.MinimumMemoryBytes,
        Path = directory,
        KernelPath = Path.Combine(directory, manifest.Kernel.File),
        InitramfsPath = manifest.Initramfs is { } initramfs ? Path.Combine(directory, initramfs.File) : null,
        RootDiskPath = manifest.RootDisk is { } root ? Path.Combine(directory, root.File) : null,
    };

    private static MicroVmException Corrupt(string name, Exception cause) =>
        new(ErrorIds.ImageCorrupt, ErrorKind.InvalidData, $"Image '{name}' is damaged.", cause)
        {
            Target = name,
            RecommendedAction = $"Install-MicroVmImage {name} -Force",
        };

    private static MicroVmException AlreadyExists(string name) => new(ErrorIds.ImageAlreadyExists, ErrorKind.AlreadyExists, $"Image '{name}' is installed.")
    {
        Target = name,
        RecommendedAction = "Use it, or replace it with -Force.",
    };

    private static void DeleteDirectory(string directory)
    {
        if (Directory.Exists(directory))
        {
            Directory.Delete(directory, recursive: true);
        }
    }

    private async Task<ImageStoreLock> LockAsync(IOperationObserver observer, CancellationToken cancellationToken)
    {
        ImageStoreLock held = await ImageStoreLock.AcquireAsync(
            paths.ImagesDirectory,
            () => observer.Verbose("Another process is changing the images; waiting for it."),
            cancellationToken);
        // Nobody else is at work now, so these are what a killed process left.
        foreach (string leftover in Directory.EnumerateDirectories(paths.ImagesDirectory, OwnedName.StagingPrefix + "*"))
        {
            DeleteDirectory(leftover);
        }

        return held;
    }

    private string DirectoryOf(string name) => Path.Combine(paths.ImagesDirectory, NameRule.Check(name, "image").ToLowerInvariant());
}
