using Microsoft.Win32.SafeHandles;
using MicroVm.Engine.Errors;
using MicroVm.Engine.Native;

namespace MicroVm.Engine.State;

/// <summary>
/// Which VM has what: a symbolic link per thing to the VM's directory, because making one is atomic, content included (symlink(2)). A link alone is no claim: the
/// VM's record has to agree, or its lock be held by one who will write that record.
/// </summary>
/// <param name="store">The VMs.</param>
/// <param name="directory">Where the links are; below the data directory.</param>
/// <param name="holds">Whether a VM's record says that it has a thing.</param>
internal sealed class LinkClaims(MachineStore store, string directory, Func<MachineRecord, string, bool> holds)
{
    /// <summary>Claims a thing for a VM whose directory exists and is locked by the caller.</summary>
    /// <returns>The VM that has it, if it is another one, or null.</returns>
    public Guid? Claim(string key, Guid id)
    {
        MachineStore.MakeLastingDirectory(directory);
        if (TryLink(key, id))
        {
            return null;
        }

        using SafeFileHandle held = LockRemovals();
        while (!TryLink(key, id))
        {
            if (Find(key) is { } holder)
            {
                if (holder == id)
                {
                    // As an operation of its own that was killed has left it.
                    return null;
                }

                if (IsAlive(key, holder))
                {
                    return holder;
                }
            }

            File.Delete(LinkOf(key));
        }

        return null;
    }

    /// <summary>Gives a thing back, if that VM has it.</summary>
    public void Release(string key, Guid id)
    {
        if (Find(key) != id)
        {
            return;
        }

        using SafeFileHandle held = LockRemovals();
        if (Find(key) == id)
        {
            File.Delete(LinkOf(key));
        }
    }

    /// <summary>Frees a thing that no VM has any more.</summary>
    /// <returns>Whether there was one to free.</returns>
    public bool ReleaseStale(string key)
    {
        using SafeFileHandle held = LockRemovals();
        if (Find(key) is not { } holder || IsAlive(key, holder))
        {
            return false;
        }

        File.Delete(LinkOf(key));
        return true;
    }

    /// <summary>The VM that a claim names, or null; it need not have the thing any more.</summary>
    public Guid? Find(string key) =>
        new FileInfo(LinkOf(key)).LinkTarget is { } target && Guid.TryParseExact(Path.GetFileName(target), "N", out Guid id) ? id : null;

    /// <summary>All that is claimed.</summary>
    public IEnumerable<string> All() => Directory.Exists(directory)
        ? Directory.EnumerateFileSystemEntries(directory).Select(path => Path.GetFileName(path)).Where(key => key[0] != '.')
        : [];

    // A claim outlives its VM, or the VM's use of the thing, only where a process died between the two: no record that agrees then, and nobody at work. The lock
    // first: who holds it may write that record.
    private bool IsAlive(string key, Guid id)
    {
        if (MachineLock.IsHeld(store.DirectoryOf(id)))
        {
            return true;
        }

        try
        {
            return store.Read(id) is { } record && holds(record, key);
        }
        catch (MicroVmException)
        {
            // A damaged record does not say what it has.
            return true;
        }
    }

    private bool TryLink(string key, Guid id)
    {
        try
        {
            File.CreateSymbolicLink(LinkOf(key), Path.Combine(Path.GetRelativePath(directory, store.Paths.MachinesDirectory), id.ToString("N")));
            return true;
        }
        catch (IOException exception) when (exception.HResult == Errno.FileExists)
        {
            return false;
        }
    }

    // Making a claim is atomic, but looking at one and then removing it is not: between the two it could be somebody else's already.
    private SafeFileHandle LockRemovals() => DirectoryLock.Take(directory);

    private string LinkOf(string key) => Path.Combine(directory, key);
}
