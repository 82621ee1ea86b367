using Microsoft.Win32.SafeHandles;
using MicroVm.Engine.Errors;
using MicroVm.Engine.Native;

namespace MicroVm.Engine.State;

/// <summary>
/// Who has which name: a symbolic link per name to the VM's directory, because making one is atomic, content included (symlink(2)). A link alone is no name:
/// the VM's record has to agree. So a VM that is renamed has two links for a moment, and one name at any time.
/// </summary>
internal sealed class NameClaims(MachineStore store)
{
    /// <summary>Claims a name for a VM whose directory exists and is locked by the caller.</summary>
    /// <exception cref="MicroVmException"><see cref="ErrorIds.MicroVmAlreadyExists"/>.</exception>
    public void Claim(string name, Guid id)
    {
        MachineStore.MakeLastingDirectory(store.Paths.NamesDirectory);
        if (TryLink(name, id))
        {
            return;
        }

        using SafeFileHandle held = LockRemovals();
        while (!TryLink(name, id))
        {
            if (Find(name) is { } holder)
            {
                if (holder == id)
                {
                    // As an operation of its own that was killed has left it.
                    return;
                }

                if (IsAlive(name, holder))
                {
                    throw Taken(name);
                }
            }

            File.Delete(LinkOf(name));
        }
    }

    /// <summary>The error for a name that a VM has.</summary>
    public static MicroVmException Taken(string name) =>
        new(ErrorIds.MicroVmAlreadyExists, ErrorKind.AlreadyExists, $"A VM named '{name}' already exists.")
        {
            Target = name,
            RecommendedAction = $"Choose another name, or remove that VM: Remove-MicroVm {name}",
        };

    /// <summary>Gives a name back, if that VM holds it.</summary>
    public void Release(string name, Guid id)
    {
        if (Find(name) != id)
        {
            return;
        }

        using SafeFileHandle held = LockRemovals();
        if (Find(name) == id)
        {
            File.Delete(LinkOf(name));
        }
    }

    /// <summary>Frees a name that no VM holds any more.</summary>
    /// <returns>Whether there was one to free.</returns>
    public bool ReleaseStale(string name)
    {
        using SafeFileHandle held = LockRemovals();
        if (Find(name) is not { } holder || IsAlive(name, holder))
        {
            return false;
        }

        File.Delete(LinkOf(name));
        return true;
    }

    /// <summary>All names that are claimed, in lower case.</summary>
    public IEnumerable<string> All() => Directory.Exists(store.Paths.NamesDirectory)
        ? Directory.EnumerateFileSystemEntries(store.Paths.NamesDirectory).Select(path => Path.GetFileName(path)).Where(NameRule.IsValid)
        : [];

    /// <summary>The VM that holds the name, or null.</summary>
    public Guid? Find(string name) =>
        NameRule.IsValid(name) && new FileInfo(LinkOf(name)).LinkTarget is { } target && Guid.TryParseExact(Path.GetFileName(target), "N", out Guid id) ? id : null;

    /// <summary>The name a VM holds, in lower case, or null; looks through all claims.</summary>
    public string? NameOf(Guid id) => All().FirstOrDefault(name => Find(name) == id);

    /// <summary>Whether two names are the same for a claim.</summary>
    public static bool AreSame(string one, string other) => one.Equals(other, StringComparison.OrdinalIgnoreCase);

    // A claim outlives its VM, or the VM's name, only where a process died between the two: no record that agrees then, and nobody at work. The lock first: who
    // holds it may write that record.
    private bool IsAlive(string name, Guid id)
    {
        if (MachineLock.IsHeld(store.DirectoryOf(id)))
        {
            return true;
        }

        try
        {
            return store.Read(id) is { } record && AreSame(record.Name, name);
        }
        catch (MicroVmException)
        {
            // A damaged record does not say whose name it is.
            return true;
        }
    }

    private bool TryLink(string name, Guid id)
    {
        string link = LinkOf(name);
        try
        {
            File.CreateSymbolicLink(link, Path.Combine("..", "vms", id.ToString("N")));
            return true;
        }
        catch (IOException exception) when (exception.HResult == Errno.FileExists)
        {
            return false;
        }
    }

    // Making a claim is atomic, but looking at one and then removing it is not: between the two it could be somebody else's already.
    private SafeFileHandle LockRemovals()
    {
        SafeFileHandle file = Descriptors.OpenUnlocked(Path.Combine(store.Paths.NamesDirectory, ".lock"));
        try
        {
            FileLock.Lock(file);
            return file;
        }
        catch
        {
            file.Dispose();
            throw;
        }
    }

    private string LinkOf(string name) => Path.Combine(store.Paths.NamesDirectory, name.ToLowerInvariant());
}
