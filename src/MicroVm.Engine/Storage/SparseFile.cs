using Microsoft.Win32.SafeHandles;
using MicroVm.Engine.Native;

namespace MicroVm.Engine.Storage;

/// <summary>Files with holes: disks and guest memory are mostly holes, and what is done to them should cost what their data costs.</summary>
internal static class SparseFile
{
    /// <summary>The granularity at which zeros become holes, the block size of the usual file systems.</summary>
    private const int HoleGranularity = 4096;

    // One system call at a time copies this much, so that cancelling takes effect soon.
    private const long CopyStep = 64L << 20;

    /// <summary>A range of a file that has data; what lies between two of them reads as zeros.</summary>
    /// <param name="Offset">Where it begins, in bytes.</param>
    /// <param name="Length">How long it is, in bytes.</param>
    public readonly record struct Extent(long Offset, long Length);

    /// <summary>
    /// The ranges with data, in order (lseek(2) SEEK_DATA). The file must not change meanwhile. A file system that knows no holes reports one range.
    /// </summary>
    /// <exception cref="IOException">The file cannot be examined.</exception>
    public static IEnumerable<Extent> DataExtents(SafeFileHandle file)
    {
        long length = RandomAccess.GetLength(file);
        long end = 0;
        while (end < length)
        {
            long start = FileExtents.NextData(file, end);
            if (start < 0)
            {
                yield break;
            }

            end = FileExtents.NextHole(file, start);
            yield return new Extent(start, end - start);
        }
    }

    /// <summary>
    /// Copies a file: by reference where the file system can (FICLONE), else its data only, keeping its length. The destination must not exist; it is
    /// removed when the copy fails or is cancelled. It is readable by its owner alone and not yet durable.
    /// </summary>
    /// <exception cref="Errors.MicroVmException">DiskFull, PermissionDenied or StorageFailed, about <paramref name="destination"/>.</exception>
    public static void Copy(string source, string destination, CancellationToken cancellationToken = default)
    {
        bool created = false;
        try
        {
            using SafeFileHandle from = File.OpenHandle(source, FileMode.Open, FileAccess.Read, FileShare.ReadWrite | FileShare.Delete);
            using FileStream stream = CreatePrivate(destination);
            created = true;
            SafeFileHandle to = stream.SafeFileHandle;
            if (FileCopy.TryReflink(from, to))
            {
                return;
            }

            // The length first: should the file system refuse it, nothing was copied in vain.
            RandomAccess.SetLength(to, RandomAccess.GetLength(from));
            foreach (Extent extent in DataExtents(from))
            {
                CopyExtent(from, to, extent, cancellationToken);
            }
        }
        catch (Exception exception)
        {
            if (created)
            {
                File.Delete(destination);
            }

            if (exception is IOException or UnauthorizedAccessException)
            {
                throw StorageErrors.Wrap(exception, destination);
            }

            throw;
        }
    }

    /// <summary><see cref="Copy"/> on the thread pool, for files whose data takes long to copy.</summary>
    public static Task CopyAsync(string source, string destination, CancellationToken cancellationToken = default) =>
        Task.Run(() => Copy(source, destination, cancellationToken), cancellationToken);

    /// <summary>Turns blocks of zeros into holes, where the file system has holes. The content stays the same.</summary>
    /// <exception cref="IOException">The file cannot be read or changed.</exception>
    public static void DigHoles(string path, CancellationToken cancellationToken = default)
    {
        using SafeFileHandle file = File.OpenHandle(path, FileMode.Open, FileAccess.ReadWrite);
        byte[] buffer = new byte[HoleGranularity];
        foreach (Extent extent in DataExtents(file).ToArray())
        {
            for (long offset = extent.Offset; offset < extent.Offset + extent.Length; offset += HoleGranularity)
            {
                cancellationToken.ThrowIfCancellationRequested();
                int length = RandomAccess.Read(file, buffer, offset);
                if (!buffer.AsSpan(0, length).ContainsAnyExcept((byte)0) && !FileExtents.TryPunchHole(file, offset, HoleGranularity))
                {
                    return;
                }
            }
        }
    }

    private static FileStream CreatePrivate(string path) => new(path, new FileStreamOptions
    {
        Mode = FileMode.CreateNew,
        Access = FileAccess.ReadWrite,
        BufferSize = 0,
        UnixCreateMode = UnixFileMode.UserRead | UnixFileMode.UserWrite,
    });

    private static void CopyExtent(SafeFileHandle from, SafeFileHandle to, Extent extent, CancellationToken cancellationToken)
    {
        long offset = extent.Offset;
        long end = extent.Offset + extent.Length;
        while (offset < end)
        {
            cancellationToken.ThrowIfCancellationRequested();
            long copied = FileCopy.TryCopyRange(from, to, offset, Math.Min(end - offset, CopyStep));
            if (copied < 0)
            {
                ReadAndWrite(from, to, offset, end, cancellationToken);
                return;
            }

            if (copied == 0)
            {
                throw new EndOfStreamException("The file became shorter while it was copied.");
            }

            offset += copied;
        }
    }

    private static void ReadAndWrite(SafeFileHandle from, SafeFileHandle to, long offset, long end, CancellationToken cancellationToken)
    {
        byte[] buffer = new byte[1 << 20];
        while (offset < end)
        {
            cancellationToken.ThrowIfCancellationRequested();
            int length = RandomAccess.Read(from, buffer.AsSpan(0, (int)Math.Min(buffer.Length, end - offset)), offset);
            if (length == 0)
            {
                throw new EndOfStreamException("The file became shorter while it was copied.");
            }

            RandomAccess.Write(to, buffer.AsSpan(0, length), offset);
            offset += length;
        }
    }
}
