using MicroVm.Engine.Guest.Agent;

namespace MicroVm.Engine.Guest.Files;

/// <summary>Divides files into groups that are copied together: many small ones cost little more than one.</summary>
internal static class CopyBatches
{
    // Each needs a handle of the agent, and a name in a command line of the guest.
    private const int MostFiles = 32;

    // A name has at most 255 bytes, a path 4095: so many of them fit into a command line (2 MiB) many times.
    private const int MostNames = 100;

    /// <summary>Groups of files in their order: either one, or several that fit into one chunk together.</summary>
    /// <param name="files">The files.</param>
    /// <param name="areTogether">Whether two files may be in one group.</param>
    public static IEnumerable<IReadOnlyList<TreeEntry>> Of(IEnumerable<TreeEntry> files, Func<TreeEntry, TreeEntry, bool> areTogether)
    {
        List<TreeEntry> batch = [];
        long bytes = 0;
        foreach (TreeEntry file in files)
        {
            if (batch.Count > 0 && (batch.Count == MostFiles || bytes + file.Length > AgentCalls.FileChunkBytes || !areTogether(batch[0], file)))
            {
                yield return batch;
                batch = [];
                bytes = 0;
            }

            batch.Add(file);
            bytes += file.Length;
        }

        if (batch.Count > 0)
        {
            yield return batch;
        }
    }

    /// <summary>Groups of entries whose names are given to one script.</summary>
    public static IEnumerable<TreeEntry[]> OfNames(IEnumerable<TreeEntry> entries) => entries.Chunk(MostNames);
}
