using System.Buffers;
using System.Security.Cryptography;
using Microsoft.Win32.SafeHandles;

namespace MicroVm.Engine.Storage;

/// <summary>Digests of files, as lower-case hexadecimal text.</summary>
internal static class FileDigest
{
    /// <summary>The size of a block of the block digest, in bytes.</summary>
    public const int BlockBytes = 2 << 20;

    private static readonly Lazy<byte[]> ZeroBlock = new(() => SHA256.HashData(new byte[BlockBytes]));

    /// <summary>The SHA-256 of a file's content, computed on the thread pool.</summary>
    /// <exception cref="IOException">The file cannot be read.</exception>
    public static Task<string> Sha256Async(string path, CancellationToken cancellationToken = default) =>
        Task.Run(() => Sha256(path, cancellationToken), cancellationToken);

    /// <summary>
    /// The block digest, for big sparse files such as disks and memory: the SHA-256 of the concatenated SHA-256 digests (32 bytes each) of the file's
    /// consecutive blocks of 2 MiB, the last one as short as it is. Holes count as the zeros they read as, so the digest does not depend on how the
    /// file is stored; but a block without data is not read. Blocks are hashed in parallel. The file must not change meanwhile.
    /// </summary>
    /// <param name="path">The file.</param>
    /// <param name="progress">Hears from any thread how many bytes are done, holes included; null for silence.</param>
    /// <param name="cancellationToken">Cancels between blocks.</param>
    /// <exception cref="IOException">The file cannot be read, or became shorter.</exception>
    public static Task<string> BlockSha256Async(string path, Action<long>? progress = null, CancellationToken cancellationToken = default) =>
        Task.Run(() => BlockSha256(path, progress, cancellationToken), cancellationToken);

    private static string Sha256(string path, CancellationToken cancellationToken)
    {
        using SafeFileHandle file = File.OpenHandle(path, FileMode.Open, FileAccess.Read, FileShare.Read, FileOptions.SequentialScan);
        using IncrementalHash hash = IncrementalHash.CreateHash(HashAlgorithmName.SHA256);
        byte[] buffer = ArrayPool<byte>.Shared.Rent(1 << 20);
        try
        {
            long offset = 0;
            int read;
            while ((read = RandomAccess.Read(file, buffer, offset)) > 0)
            {
                cancellationToken.ThrowIfCancellationRequested();
                hash.AppendData(buffer, 0, read);
                offset += read;
            }
        }
        finally
        {
            ArrayPool<byte>.Shared.Return(buffer);
        }

        return Convert.ToHexStringLower(hash.GetHashAndReset());
    }

    private static string BlockSha256(string path, Action<long>? progress, CancellationToken cancellationToken)
    {
        using SafeFileHandle file = File.OpenHandle(path, FileMode.Open, FileAccess.Read, FileShare.ReadWrite | FileShare.Delete);
        long length = RandomAccess.GetLength(file);
        int count = checked((int)((length + BlockBytes - 1) / BlockBytes));
        byte[] digests = new byte[count * SHA256.HashSizeInBytes];
        bool[] hasData = BlocksWithData(file, count);
        long done = 0;
        ParallelOptions options = new() { MaxDegreeOfParallelism = Environment.ProcessorCount, CancellationToken = cancellationToken };
        Parallel.For(0, count, options, block =>
        {
            long offset = (long)block * BlockBytes;
            int size = (int)Math.Min(BlockBytes, length - offset);
            Span<byte> digest = digests.AsSpan(block * SHA256.HashSizeInBytes, SHA256.HashSizeInBytes);
            if (!hasData[block] && size == BlockBytes)
            {
                ZeroBlock.Value.CopyTo(digest);
            }
            else
            {
                HashBlock(file, offset, size, digest);
            }

            progress?.Invoke(Interlocked.Add(ref done, size));
        });
        return Convert.ToHexStringLower(SHA256.HashData(digests));
    }

    private static bool[] BlocksWithData(SafeFileHandle file, int count)
    {
        bool[] hasData = new bool[count];
        foreach (SparseFile.Extent extent in SparseFile.DataExtents(file))
        {
            int first = (int)(extent.Offset / BlockBytes);
            int last = (int)((extent.Offset + extent.Length - 1) / BlockBytes);
            hasData.AsSpan(first, last - first + 1).Fill(true);
        }

        return hasData;
    }

    private static void HashBlock(SafeFileHandle file, long offset, int size, Span<byte> digest)
    {
        byte[] buffer = ArrayPool<byte>.Shared.Rent(BlockBytes);
        try
        {
            int filled = 0;
            while (filled < size)
            {
                int read = RandomAccess.Read(file, buffer.AsSpan(filled, size - filled), offset + filled);
                if (read == 0)
                {
                    throw new EndOfStreamException("The file became shorter while it was read.");
                }

                filled += read;
            }

            SHA256.HashData(buffer.AsSpan(0, size), digest);
        }
        finally
        {
            ArrayPool<byte>.Shared.Return(buffer);
        }
    }
}
