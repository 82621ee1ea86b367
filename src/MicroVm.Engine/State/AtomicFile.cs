using MicroVm.Engine.Native;

namespace MicroVm.Engine.State;

/// <summary>Writes files that are there whole or not at all.</summary>
internal static class AtomicFile
{
    /// <summary>What names of files end with that are not whole yet.</summary>
    public const string TemporaryExtension = ".tmp";

    /// <summary>
    /// Replaces the file by way of a temporary one beside it: write, fsync, rename, fsync of the directory (rename(2), fsync(2)). The file is readable
    /// by its owner alone.
    /// </summary>
    /// <param name="path">The file.</param>
    /// <param name="content">Its new content.</param>
    /// <param name="lasting">False leaves out the directory's fsync: after a power failure the file may be the old one, whole.</param>
    public static void Write(string path, ReadOnlySpan<byte> content, bool lasting = true)
    {
        string temporary = OwnedName.Of($"{path}.{Environment.CurrentManagedThreadId}") + TemporaryExtension;
        try
        {
            FileStreamOptions options = new()
            {
                Mode = FileMode.Create,
                Access = FileAccess.Write,
                BufferSize = 0,
                UnixCreateMode = UnixFileMode.UserRead | UnixFileMode.UserWrite,
            };
            using (FileStream stream = new(temporary, options))
            {
                stream.Write(content);
                stream.Flush(flushToDisk: true);
            }

            File.Move(temporary, path, overwrite: true);
        }
        catch
        {
            File.Delete(temporary);
            throw;
        }

        if (lasting)
        {
            FileSync.SyncDirectory(Path.GetDirectoryName(path)!);
        }
    }
}
