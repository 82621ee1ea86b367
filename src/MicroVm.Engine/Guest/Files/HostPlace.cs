using MicroVm.Engine.Native;

namespace MicroVm.Engine.Guest.Files;

/// <summary>The place on the host that something is copied to.</summary>
internal static class HostPlace
{
    /// <summary>The mode of directories that are being filled.</summary>
    private const UnixFileMode Private = UnixFileMode.UserRead | UnixFileMode.UserWrite | UnixFileMode.UserExecute;

    /// <summary>Finds it; makes the directory that the copy is to be put into, if the destination ends in a slash.</summary>
    /// <param name="destination">What the user gave.</param>
    /// <param name="name">The name that what is copied has inside a directory.</param>
    public static string Find(string destination, string name)
    {
        string path = Path.GetFullPath(destination);
        if (FileEntry.Find(path, follow: true) is { Type: FileEntry.Directory })
        {
            return Path.Combine(path, name);
        }

        if (GuestPath.IsDirectory(destination))
        {
            string directory = path.TrimEnd('/');
            if (FileEntry.Find(directory, follow: false) is not null)
            {
                throw CopyFailure.NotADirectory(directory, CopyFailure.Host);
            }

            Directory.CreateDirectory(directory);
            return Path.Combine(directory, name);
        }

        string parent = Path.GetDirectoryName(path)!;
        return FileEntry.Find(parent, follow: true) is { Type: FileEntry.Directory } ? path : throw CopyFailure.NoDirectory(parent, CopyFailure.Host);
    }

    /// <summary>Sees to it that a directory of the copy is there. A link does not count as one, wherever it points: an earlier copy may have made it.</summary>
    /// <returns>Whether it was made, for its owner alone.</returns>
    public static bool MakeDirectory(string path)
    {
        switch (FileEntry.Find(path, follow: false))
        {
            case null:
                Directory.CreateDirectory(path, Private);
                // It succeeds, too, when another copy has just made a link there.
                return FileEntry.Find(path, follow: false) is { Type: FileEntry.Directory } ? true : throw CopyFailure.LinkInTheWay(path);
            case { Type: FileEntry.Directory }:
                return false;
            case { Type: FileEntry.SymbolicLink }:
                throw CopyFailure.LinkInTheWay(path);
            default:
                throw CopyFailure.NotADirectory(path, CopyFailure.Host);
        }
    }

    /// <summary>Fails unless a file or link may be put there. A link that is there is replaced, not followed.</summary>
    /// <param name="path">The place.</param>
    /// <param name="force">Whether a file that is read-only may be replaced.</param>
    public static void RequireReplaceable(string path, bool force)
    {
        switch (FileEntry.Find(path, follow: false))
        {
            case null:
                break;
            case { Type: FileEntry.Directory }:
                throw CopyFailure.InTheWay(path, CopyFailure.Host);
            case { Type: FileEntry.SymbolicLink }:
                break;
            case { Type: not FileEntry.RegularFile }:
                throw CopyFailure.Special(path, CopyFailure.Host);
            default:
                if (!force && new FileInfo(path).IsReadOnly)
                {
                    throw CopyFailure.ReadOnly(path, CopyFailure.Host);
                }

                break;
        }
    }
}
