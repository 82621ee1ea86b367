namespace MicroVm.Engine.Storage;

/// <summary>
/// The shared libraries found in packages, and which of them a program needs (ld.so(8)). Libraries lie in <c>lib</c> or <c>usr/lib</c>, or directly below in the
/// directory of the architecture.
/// </summary>
internal sealed class SharedLibraries
{
    private readonly Dictionary<string, DebMember> _byPath = [];

    /// <summary>Whether a package's member may be a library or the loader.</summary>
    public static bool IsCandidate(string path)
    {
        string[] parts = path.Split('/');
        int library = Array.FindIndex(parts, p => p.StartsWith("lib", StringComparison.Ordinal));
        return library is 0 or 1 && parts.Length - library is 2 or 3 && parts[^1].Contains(".so", StringComparison.Ordinal);
    }

    /// <summary>Adds a package's members.</summary>
    public void Add(IEnumerable<DebMember> members)
    {
        foreach (DebMember member in members)
        {
            _byPath[WithoutUsr(member.Path)] = member;
        }
    }

    /// <summary>
    /// What a program needs at run time: its loader and all libraries, each with the path to put it at and its content. Names that were not found come back in
    /// <paramref name="missing"/>.
    /// </summary>
    /// <exception cref="InvalidDataException">The program or a library is not a readable ELF file.</exception>
    public IReadOnlyDictionary<string, byte[]> Closure(byte[] program, out IReadOnlyList<string> missing)
    {
        SortedDictionary<string, byte[]> found = new(StringComparer.Ordinal);
        List<string> notFound = [];
        HashSet<string> seen = [];
        Queue<ElfFile> queue = new();
        ElfFile elf = new(program);
        queue.Enqueue(elf);
        if (elf.InterpreterPath is { } loader)
        {
            seen.Add(Path.GetFileName(loader));
            Take(Path.GetFileName(loader), loader.TrimStart('/'), found, notFound);
        }

        while (queue.TryDequeue(out ElfFile? present))
        {
            foreach (string name in present.NeededLibraries.Where(seen.Add))
            {
                if (Take(name, null, found, notFound) is { } content)
                {
                    queue.Enqueue(new ElfFile(content));
                }
            }
        }

        missing = notFound;
        return found;
    }

    // Since /lib became a link to /usr/lib, packages use either for the same place.
    private static string WithoutUsr(string path) => path.StartsWith("usr/", StringComparison.Ordinal) ? path[4..] : path;

    private byte[]? Take(string name, string? putAt, SortedDictionary<string, byte[]> found, List<string> notFound)
    {
        string? path = _byPath.Keys.FirstOrDefault(p => Path.GetFileName(p) == name);
        DebMember? member = path is null ? null : Resolve(path);
        if (member is null)
        {
            notFound.Add(name);
            return null;
        }

        found[putAt ?? path!] = member.Content;
        return member.Content;
    }

    // A library's name is usually a link to the file with the full version, in the same directory.
    private DebMember? Resolve(string path)
    {
        for (int links = 0; links < 8 && _byPath.TryGetValue(path, out DebMember? member); links++)
        {
            if (member.LinkTarget is not { } target)
            {
                return member;
            }

            string resolved = Path.GetFullPath(Path.Combine("/" + Path.GetDirectoryName(path), target));
            path = WithoutUsr(resolved.TrimStart('/'));
        }

        return null;
    }
}
