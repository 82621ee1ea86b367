using Microsoft.Win32.SafeHandles;
using MicroVm.Engine.Native;

namespace MicroVm.Engine.Guest;

/// <summary>
/// How much of the disk a log may take: its older part becomes a hole. Offsets stay what they are, whoever appends to it goes on, and nobody has to be told.
/// </summary>
/// <param name="Longest">The bytes on the disk from which on it is cut.</param>
/// <param name="Kept">The bytes at its end that stay.</param>
internal sealed record LogBound(long Longest, long Kept)
{
    // Smaller parts of a file cannot be given back; a file system with larger blocks zeroes what it must keep.
    private const long BlockBytes = 4096;

    /// <summary>What holds for the logs of VMs.</summary>
    public static LogBound Standard { get; } = new(16L << 20, 8L << 20);

    /// <summary>Whether a log is too long.</summary>
    public bool Exceeds(string path) => FileUsage.AllocatedBytes(path) > Longest;

    /// <summary>Cuts a log that is too long; one that is not there is not.</summary>
    /// <exception cref="IOException">A system call failed.</exception>
    public LogCut Apply(string path)
    {
        if (!Exceeds(path))
        {
            return LogCut.Unneeded;
        }

        using SafeFileHandle file = File.OpenHandle(path, FileMode.Open, FileAccess.Write, FileShare.ReadWrite | FileShare.Delete);
        long end = (RandomAccess.GetLength(file) - Kept) / BlockBytes * BlockBytes;
        return end <= 0 ? LogCut.Unneeded : FileExtents.TryPunchHole(file, 0, end) ? LogCut.Done : LogCut.Impossible;
    }
}
