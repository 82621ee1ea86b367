using System.Buffers;
using System.Globalization;
using System.Runtime.InteropServices;
using Microsoft.Win32.SafeHandles;
using MicroVm.Engine.Errors;
using MicroVm.Engine.Native;
using MicroVm.Engine.Storage;

namespace MicroVm.Engine.Snapshots;

/// <summary>
/// The memory of a guest that stands still, read from outside its VMM. Memory mapped shared is its file. Memory mapped privately is its file plus the pages
/// that were written since: those that <c>/proc/PID/pagemap</c> shows present or swapped and not file-backed (bits 63, 62 and 61, proc(5)).
/// </summary>
internal sealed class GuestMemory
{
    private const int PageBytes = 4096;
    private const int EntryBytes = sizeof(ulong);
    private const int ChunkBytes = 1 << 20;
    private const ulong Present = 1UL << 63;
    private const ulong Swapped = 1UL << 62;
    private const ulong FileBacked = 1UL << 61;

    private readonly int _processId;
    private readonly string _path;
    private readonly List<Region> _regions;

    private GuestMemory(int processId, string path, List<Region> regions)
    {
        _processId = processId;
        _path = path;
        _regions = regions;
    }

    /// <summary>Whether the guest's writes are in the file and not in the VMM alone.</summary>
    public bool IsShared => _regions.TrueForAll(region => region.IsShared);

    /// <summary>Finds the memory of a VMM.</summary>
    /// <param name="processId">The VMM.</param>
    /// <param name="descriptor">The number under which it holds the memory's file.</param>
    public static GuestMemory Open(int processId, int descriptor)
    {
        // Through the VMM's own descriptor the file is found even if its name is gone.
        string path = $"/proc/{processId}/fd/{descriptor}";
        string name = new FileInfo(path).LinkTarget ?? throw new IOException($"'{path}' is not there.");
        List<Region> regions = [.. File.ReadLines($"/proc/{processId}/maps").Select(line => Region.Parse(line, name)).OfType<Region>()];
        return regions.Count > 0
            ? new GuestMemory(processId, path, regions)
            : throw new IOException($"Process {processId} does not map '{name}'.");
    }

    /// <summary>
    /// Copies the memory's file. Call it before the guest is paused: below private memory the file does not change, and of shared memory little does until the
    /// pause.
    /// </summary>
    public Task CopyBaseAsync(string destination, CancellationToken cancellationToken) =>
        SparseFile.CopyAsync(_path, destination, cancellationToken);

    /// <summary>Brings the copy up to date. The guest must stand still.</summary>
    /// <param name="destination">The file that <see cref="CopyBaseAsync"/> was given.</param>
    /// <param name="cancellationToken">Ends the copying; the file is then unusable.</param>
    public Task CopyChangesAsync(string destination, CancellationToken cancellationToken) => IsShared
        ? CopyUpdate.RunAsync(_path, destination, cancellationToken)
        : Task.Run(() => CopyPrivatePages(destination, cancellationToken), cancellationToken);

    private void CopyPrivatePages(string destination, CancellationToken cancellationToken)
    {
        using SafeFileHandle target = File.OpenHandle(destination, FileMode.Open, FileAccess.Write);
        using SafeFileHandle memory = OpenProcessFile("mem");
        using SafeFileHandle pagemap = OpenProcessFile("pagemap");
        byte[] data = ArrayPool<byte>.Shared.Rent(ChunkBytes);
        ulong[] entries = new ulong[ChunkBytes / PageBytes];
        try
        {
            foreach (Region region in _regions)
            {
                for (long done = 0; done < region.Length; done += ChunkBytes)
                {
                    cancellationToken.ThrowIfCancellationRequested();
                    int pages = (int)Math.Min(entries.Length, (region.Length - done) / PageBytes);
                    FileReading.ReadExactly(pagemap, MemoryMarshal.AsBytes(entries.AsSpan(0, pages)), (region.Start + done) / PageBytes * EntryBytes);
                    CopyRuns(entries.AsSpan(0, pages), memory, region.Start + done, target, region.FileOffset + done, data);
                }
            }
        }
        finally
        {
            ArrayPool<byte>.Shared.Return(data);
        }
    }

    private static void CopyRuns(ReadOnlySpan<ulong> entries, SafeFileHandle memory, long address, SafeFileHandle target, long offset, byte[] data)
    {
        int page = 0;
        while (page < entries.Length)
        {
            int first = page;
            while (page < entries.Length && IsPrivate(entries[page]))
            {
                page++;
            }

            if (page == first)
            {
                page++;
                continue;
            }

            Span<byte> run = data.AsSpan(0, (page - first) * PageBytes);
            FileReading.ReadExactly(memory, run, address + ((long)first * PageBytes));
            RandomAccess.Write(target, run, offset + ((long)first * PageBytes));
        }
    }

    private static bool IsPrivate(ulong entry) => (entry & Swapped) != 0 || ((entry & Present) != 0 && (entry & FileBacked) == 0);

    private SafeFileHandle OpenProcessFile(string name)
    {
        string path = $"/proc/{_processId}/{name}";
        try
        {
            return File.OpenHandle(path, FileMode.Open, FileAccess.Read, FileShare.ReadWrite);
        }
        catch (UnauthorizedAccessException exception)
        {
            // Where kernel.yama.ptrace_scope is 1, only the shell that started the VMM may; root always may.
            throw new MicroVmException(
                ErrorIds.PermissionDenied, ErrorKind.PermissionDenied, "This process may not read the memory of a VM that was restored.", exception)
            {
                Target = path,
                RecommendedAction = "Save it from the shell that restored it, run pwsh as root, or allow it: sudo sysctl kernel.yama.ptrace_scope=0",
            };
        }
    }

    /// <summary>A mapping of the memory's file.</summary>
    private sealed record Region(long Start, long Length, long FileOffset, bool IsShared)
    {
        /// <summary>Reads a line of <c>/proc/PID/maps</c>; null when it is a mapping of something else.</summary>
        public static Region? Parse(string line, string name)
        {
            // address perms offset dev inode name, where the name may hold spaces.
            string[] fields = line.Split(' ', 6, StringSplitOptions.RemoveEmptyEntries);
            if (fields.Length < 6 || fields[5].TrimStart() != name)
            {
                return null;
            }

            string[] range = fields[0].Split('-');
            long start = Hex(range[0]);
            return new Region(start, Hex(range[1]) - start, Hex(fields[2]), fields[1][3] == 's');
        }

        private static long Hex(string value) => long.Parse(value, NumberStyles.HexNumber, CultureInfo.InvariantCulture);
    }
}
