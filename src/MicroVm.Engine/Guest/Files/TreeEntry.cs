using MicroVm.Engine.Native;

namespace MicroVm.Engine.Guest.Files;

/// <summary>A file, directory or link of a tree that is copied.</summary>
/// <param name="Path">Its path from the root of the tree on, without a slash at either end; empty for the root itself.</param>
/// <param name="Kind">What it is.</param>
/// <param name="Mode">Its permissions.</param>
/// <param name="Length">A file's size in bytes.</param>
/// <param name="ModifiedAt">When its content was last changed, in seconds since 1970.</param>
internal sealed record TreeEntry(string Path, EntryKind Kind, UnixFileMode Mode, long Length, long ModifiedAt)
{
    /// <summary>The most entries that a copy can have: it holds them in memory, some hundred bytes each.</summary>
    public const int Most = 200_000;

    // A program that runs with its owner's rights would, on the other side, run with those of another owner.
    private const UnixFileMode Kept = (UnixFileMode)0x1FF;

    /// <summary>Its path without its last part; empty for what lies in the root.</summary>
    public string Parent => Path.LastIndexOf('/') is >= 0 and int slash ? Path[..slash] : "";

    /// <summary>The last part of its path.</summary>
    public string Name => Path[(Path.LastIndexOf('/') + 1)..];

    /// <summary>An entry of what a file system says.</summary>
    public static TreeEntry From(string path, FileEntry entry) => new(
        path,
        entry.Type switch
        {
            FileEntry.RegularFile => EntryKind.File,
            FileEntry.Directory => EntryKind.Directory,
            FileEntry.SymbolicLink => EntryKind.Link,
            _ => EntryKind.Other,
        },
        entry.Mode & Kept,
        entry.Length,
        Math.Max(0, entry.ModifiedAt));

    /// <summary>The path of this entry in a tree whose root is elsewhere.</summary>
    public string Below(string root) => Path.Length == 0 ? root : root.EndsWith('/') ? root + Path : $"{root}/{Path}";
}
