using MicroVm.Engine.Native;

namespace MicroVm.Engine.Guest.Files;

/// <summary>Lists files of the host.</summary>
internal static class HostTree
{
    // What stands for bytes that are no UTF-8.
    private const char Replacement = '\uFFFD';

    private static readonly EnumerationOptions s_everything = new() { AttributesToSkip = 0, IgnoreInaccessible = false, ReturnSpecialDirectories = false };

    /// <summary>Lists a file, or a directory with all that is in it: parents before children, the files of a directory one after the other.</summary>
    /// <param name="source">Its path.</param>
    /// <param name="recurse">Whether a directory is allowed.</param>
    /// <param name="cancellationToken">Ends it.</param>
    /// <exception cref="Errors.MicroVmException">It does not exist, is nothing that can be copied, has too many files, or names that are not UTF-8.</exception>
    /// <exception cref="IOException">It cannot be read.</exception>
    public static IReadOnlyList<TreeEntry> List(string source, bool recurse, CancellationToken cancellationToken)
    {
        TreeEntry root = TreeEntry.From("", FileEntry.Find(source, follow: true) ?? throw CopyFailure.NotFound(source, CopyFailure.Host));
        if (root.Kind == EntryKind.Other)
        {
            throw CopyFailure.NothingToCopy(source);
        }

        List<TreeEntry> entries = [root];
        if (root.Kind != EntryKind.Directory)
        {
            return entries;
        }

        if (!recurse)
        {
            throw CopyFailure.NeedsRecurse(source);
        }

        Queue<TreeEntry> directories = new([root]);
        while (directories.TryDequeue(out TreeEntry? directory))
        {
            foreach (string path in Directory.EnumerateFileSystemEntries(directory.Below(source), "*", s_everything).Order(StringComparer.Ordinal))
            {
                cancellationToken.ThrowIfCancellationRequested();
                if (Describe(directory, path) is { } entry)
                {
                    entries.Add(entries.Count < TreeEntry.Most ? entry : throw CopyFailure.TooMany(source));
                    if (entry.Kind == EntryKind.Directory)
                    {
                        directories.Enqueue(entry);
                    }
                }
            }
        }

        return entries;
    }

    // Null for what has gone meanwhile.
    private static TreeEntry? Describe(TreeEntry directory, string path)
    {
        string name = Path.GetFileName(path);
        return FileEntry.Find(path, follow: false) is { } entry ? TreeEntry.From(directory.Path.Length == 0 ? name : $"{directory.Path}/{name}", entry)
            : name.Contains(Replacement, StringComparison.Ordinal) ? throw CopyFailure.NotUtf8(Path.GetDirectoryName(path)!)
            : null;
    }
}
