namespace MicroVm.Engine.Native;

/// <summary>Something that happened in a directory, as <see cref="DirectoryWatch"/> tells it.</summary>
/// <param name="Watch">Which directory: the number that <see cref="DirectoryWatch.TryAdd"/> gave; -1 when events were lost.</param>
/// <param name="Name">The entry it happened to; empty when it happened to the directory itself.</param>
/// <param name="IsEnd">Whether the directory was removed or moved away; nothing more is told of it after a removal.</param>
internal readonly record struct DirectoryEvent(int Watch, string Name, bool IsEnd)
{
    /// <summary>Whether there were more events than the kernel keeps, so that everything has to be looked at again.</summary>
    public bool IsLoss => Watch < 0;
}
