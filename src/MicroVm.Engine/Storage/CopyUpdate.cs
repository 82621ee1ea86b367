using System.Buffers;
using Microsoft.Win32.SafeHandles;
using MicroVm.Engine.Native;

namespace MicroVm.Engine.Storage;

/// <summary>
/// Makes a copy that was taken while its source changed equal to the source. Comparing costs a fraction of copying, for a new copy needs new pages and
/// these are dear: 90 MB of guest memory took 255 ms to copy and take 15 ms to compare. (The kernel could tell which pages were written, by their soft-dirty
/// bit, but loses that bit of shared memory when it swaps it out; what was read and compared is certain.)
/// </summary>
internal static class CopyUpdate
{
    private const int PageBytes = 4096;

    // Two buffers of this size stay in a core's cache.
    private const int ChunkBytes = 128 << 10;

    /// <summary>Brings a copy up to date. The source must not change meanwhile, and both have the same length.</summary>
    /// <exception cref="Errors.MicroVmException">DiskFull, PermissionDenied or StorageFailed, about <paramref name="copy"/>.</exception>
    public static Task RunAsync(string source, string copy, CancellationToken cancellationToken) =>
        Task.Run(() => Run(source, copy, cancellationToken), cancellationToken);

    private static void Run(string source, string copy, CancellationToken cancellationToken)
    {
        try
        {
            using SafeFileHandle from = File.OpenHandle(source, FileMode.Open, FileAccess.Read, FileShare.ReadWrite | FileShare.Delete);
            using SafeFileHandle to = File.OpenHandle(copy, FileMode.Open, FileAccess.ReadWrite);
            if (FileCopy.TryReflink(from, to))
            {
                return;
            }

            long length = RandomAccess.GetLength(from);
            bool[] hasData = new bool[(length + ChunkBytes - 1) / ChunkBytes];
            MarkData(from, hasData);
            // What the source had and has no more is zeros now.
            MarkData(to, hasData);
            ParallelOptions options = new() { MaxDegreeOfParallelism = Environment.ProcessorCount, CancellationToken = cancellationToken };
            Parallel.For(0, hasData.Length, options, chunk =>
            {
                if (hasData[chunk])
                {
                    long offset = (long)chunk * ChunkBytes;
                    Update(from, to, offset, (int)Math.Min(ChunkBytes, length - offset));
                }
            });
        }
        catch (AggregateException exception) when (exception.InnerException is IOException cause)
        {
            throw StorageErrors.Wrap(cause, copy);
        }
        catch (Exception exception) when (exception is IOException or UnauthorizedAccessException)
        {
            throw StorageErrors.Wrap(exception, copy);
        }
    }

    private static void MarkData(SafeFileHandle file, bool[] hasData)
    {
        foreach (SparseFile.Extent extent in SparseFile.DataExtents(file))
        {
            int first = (int)(extent.Offset / ChunkBytes);
            int last = (int)((extent.Offset + extent.Length - 1) / ChunkBytes);
            hasData.AsSpan(first, last - first + 1).Fill(true);
        }
    }

    private static void Update(SafeFileHandle from, SafeFileHandle to, long offset, int length)
    {
        byte[] buffer = ArrayPool<byte>.Shared.Rent(2 * ChunkBytes);
        try
        {
            Span<byte> wanted = buffer.AsSpan(0, length);
            Span<byte> present = buffer.AsSpan(ChunkBytes, length);
            FileReading.ReadExactly(from, wanted, offset);
            FileReading.ReadExactly(to, present, offset);
            if (wanted.SequenceEqual(present))
            {
                return;
            }

            for (int page = 0; page < length; page += PageBytes)
            {
                int bytes = Math.Min(PageBytes, length - page);
                if (!wanted.Slice(page, bytes).SequenceEqual(present.Slice(page, bytes)))
                {
                    RandomAccess.Write(to, wanted.Slice(page, bytes), offset + page);
                }
            }
        }
        finally
        {
            ArrayPool<byte>.Shared.Return(buffer);
        }
    }
}
