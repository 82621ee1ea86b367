namespace MicroVm.Engine.Guest.Files;

/// <summary>What an entry of a tree is.</summary>
internal enum EntryKind
{
    /// <summary>A regular file.</summary>
    File,

    /// <summary>A directory.</summary>
    Directory,

    /// <summary>A symbolic link.</summary>
    Link,

    /// <summary>A device, a pipe or a socket: not copied.</summary>
    Other,
}
