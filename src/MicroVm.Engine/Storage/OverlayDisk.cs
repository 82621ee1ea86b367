using System.Globalization;
using MicroVm.Engine.Errors;
using MicroVm.Engine.Native;
using MicroVm.Engine.State;

namespace MicroVm.Engine.Storage;

/// <summary>
/// A VM's own writable disk: a sparse ext4 file system that the guest stacks over its image. mke2fs runs once per size and leaves a template in the cache;
/// each disk is a copy of the template's few hundred kilobytes of data, or a reflink.
/// </summary>
internal static class OverlayDisk
{
    /// <summary>The smallest disk, in bytes: below this there is no room for the file system's own structures.</summary>
    public const long MinimumBytes = 16L << 20;

    private const int BlockBytes = 4096;

    // Bump this when the options of mke2fs change, so that old templates are not used.
    private const int TemplateVersion = 1;

    // What a template takes; when mke2fs fails with less, the full disk was why.
    private const long LeastFreeBytes = 1L << 20;

    private static readonly HostTool Mke2fs = new("mke2fs", "e2fsprogs");

    private static readonly TimeSpan Mke2fsTimeout = TimeSpan.FromSeconds(60);

    /// <summary>
    /// Makes a disk. All disks of one size share their file system's UUID. The file is not yet durable; it is removed when the call fails or is cancelled.
    /// </summary>
    /// <param name="paths">Where the cache is.</param>
    /// <param name="path">The file to make; it must not exist.</param>
    /// <param name="sizeBytes">The size as the guest sees it; rounded up to whole blocks of 4 KiB.</param>
    /// <param name="cancellationToken">Cancels the call.</param>
    /// <exception cref="MicroVmException">
    /// InvalidMicroVmSpec (too small), ToolFailed (mke2fs is missing or failed), DiskFull, PermissionDenied or StorageFailed.
    /// </exception>
    public static async Task CreateAsync(MicroVmPaths paths, string path, long sizeBytes, CancellationToken cancellationToken)
    {
        if (sizeBytes < MinimumBytes)
        {
            throw new MicroVmException(ErrorIds.InvalidMicroVmSpec, ErrorKind.InvalidArgument, $"A disk of {sizeBytes} bytes is too small.")
            {
                Target = sizeBytes,
                RecommendedAction = "Give it at least 16MB.",
            };
        }

        long rounded = (sizeBytes + BlockBytes - 1) / BlockBytes * BlockBytes;
        string template = Path.Combine(paths.CacheDirectory, string.Create(CultureInfo.InvariantCulture, $"overlay-v{TemplateVersion}-{rounded}.ext4"));
        if (!File.Exists(template))
        {
            await MakeTemplateAsync(template, rounded, cancellationToken);
        }

        SparseFile.Copy(template, path, cancellationToken);
    }

    // Two processes may do this at once: each makes its own file, and the last rename wins with the same content.
    private static async Task MakeTemplateAsync(string template, long sizeBytes, CancellationToken cancellationToken)
    {
        string temporary = OwnedName.Of($"{template}.{Guid.NewGuid():N}") + AtomicFile.TemporaryExtension;
        try
        {
            MachineStore.MakeDirectory(Path.GetDirectoryName(template)!);
            await using (FileStream file = new(temporary, FileMode.CreateNew, FileAccess.Write))
            {
                SetLength(file, sizeBytes);
            }

            // A small journal, for it is written through in turn and so grows to its full size on the host; no reserved blocks, for root is the only user;
            // no room kept for growth, which would be 4 MiB of data in every disk.
            string journal = sizeBytes < 256L << 20 ? "4" : "16";
            string[] arguments =
            [
                "-q", "-F", "-t", "ext4", "-b", "4096", "-m", "0", "-L", "overlay", "-J", "size=" + journal, "-O", "^resize_inode",
                "-E", "lazy_itable_init=1,lazy_journal_init=1,nodiscard,packed_meta_blocks=1,root_owner=0:0", temporary,
            ];
            await Mke2fs.RunAsync(arguments, Mke2fsTimeout, cancellationToken);
            SparseFile.DigHoles(temporary, cancellationToken);
            using (FileStream file = new(temporary, FileMode.Open, FileAccess.ReadWrite))
            {
                file.Flush(flushToDisk: true);
            }

            File.Move(temporary, template, overwrite: true);
        }
        catch (Exception exception) when (exception is IOException or UnauthorizedAccessException)
        {
            throw StorageErrors.Wrap(exception, template);
        }
        catch (MicroVmException exception) when (exception.ErrorId == ErrorIds.ToolFailed && new DriveInfo(Path.GetDirectoryName(template)!).AvailableFreeSpace < LeastFreeBytes)
        {
            throw StorageErrors.Full(exception, template);
        }
        finally
        {
            File.Delete(temporary);
        }
    }

    private static void SetLength(FileStream file, long bytes)
    {
        try
        {
            file.SetLength(bytes);
        }
        catch (ArgumentOutOfRangeException exception)
        {
            throw new MicroVmException(
                ErrorIds.InvalidMicroVmSpec, ErrorKind.InvalidArgument, $"A disk of {bytes} bytes is more than the host's file system can hold in a file.", exception)
            {
                Target = bytes,
                RecommendedAction = "Ask for less.",
            };
        }
    }
}
