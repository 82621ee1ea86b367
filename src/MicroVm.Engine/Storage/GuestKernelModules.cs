namespace MicroVm.Engine.Storage;

/// <summary>Which of a kernel's modules a guest needs, and how they are picked from its package.</summary>
internal static class GuestKernelModules
{
    // Without these, or the same built into the kernel, no guest of ours comes up.
    private static readonly string[] Required = ["virtio_pci", "virtio_blk", "overlay", "ext4"];

    // Taken where the kernel has them as modules: other buses, devices a VM may get, file systems of root disks, the power button.
    private static readonly string[] Optional =
    [
        "virtio_mmio", "virtio_net", "virtio_console", "virtio_rng", "virtio_balloon", "virtio_mem", "virtio_pmem", "vmw_vsock_virtio_transport", "virtiofs",
        "squashfs", "erofs", "isofs", "button", "evdev", "af_packet",
    ];

    private static readonly string[] Wanted = [.. Required, .. Optional];

    /// <summary>Reads the wanted modules and all they depend on from a package's kernel directory.</summary>
    /// <param name="readMembers">Reads the members of the package (or packages) whose path is accepted.</param>
    /// <param name="cancellationToken">Cancels the reading.</param>
    /// <returns>The modules in the order of their names; and what was read beside them because <paramref name="alsoWanted"/> accepted it.</returns>
    /// <param name="alsoWanted">Accepts further members, read in the same pass.</param>
    /// <exception cref="InvalidDataException">The kernel lacks what a guest needs.</exception>
    public static async Task<(IReadOnlyList<KernelModule> Modules, IReadOnlyList<DebMember> Others)> ReadAsync(
        Func<Func<string, bool>, Task<IReadOnlyList<DebMember>>> readMembers,
        Func<string, bool> alsoWanted,
        CancellationToken cancellationToken)
    {
        HashSet<string> names = [.. Wanted];
        SortedDictionary<string, KernelModule> modules = new(StringComparer.Ordinal);
        IReadOnlyList<DebMember> members = await readMembers(path => alsoWanted(path) || IsBuiltinList(path) || IsModuleOf(path, names));
        List<DebMember> others = members.Where(m => alsoWanted(m.Path)).ToList();
        HashSet<string> builtin = BuiltinNames(members);
        while (true)
        {
            foreach (DebMember member in members.Where(m => IsModule(m.Path)))
            {
                KernelModule module = await ReadModuleAsync(member, cancellationToken);
                modules[module.Name] = module;
            }

            // What they depend on is known only now, so there is a further pass, usually one.
            HashSet<string> missing = [.. modules.Values.SelectMany(m => m.Depends).Where(d => !modules.ContainsKey(d) && !builtin.Contains(d))];
            if (missing.Count == 0)
            {
                break;
            }

            members = await readMembers(path => IsModuleOf(path, missing));
            if (members.Count == 0)
            {
                throw new InvalidDataException($"The kernel's package lacks the modules {string.Join(", ", missing)}.");
            }
        }

        string? lacking = Required.FirstOrDefault(r => !modules.ContainsKey(r) && !builtin.Contains(r));
        return lacking is null ? ([.. modules.Values], others) : throw new InvalidDataException($"The kernel has no driver '{lacking}'.");
    }

    private static bool IsModule(string path) => Path.GetFileName(path).Contains(".ko", StringComparison.Ordinal);

    private static bool IsModuleOf(string path, HashSet<string> names) => IsModule(path) && names.Contains(KernelModule.NameOf(Path.GetFileName(path)));

    private static bool IsBuiltinList(string path) => path.EndsWith("/modules.builtin", StringComparison.Ordinal);

    private static HashSet<string> BuiltinNames(IEnumerable<DebMember> members) =>
    [
        .. members.Where(m => IsBuiltinList(m.Path))
            .SelectMany(m => System.Text.Encoding.UTF8.GetString(m.Content).Split('\n', StringSplitOptions.RemoveEmptyEntries))
            .Select(line => KernelModule.NameOf(Path.GetFileName(line))),
    ];

    private static async Task<KernelModule> ReadModuleAsync(DebMember member, CancellationToken cancellationToken)
    {
        string fileName = Path.GetFileName(member.Path);
        if (fileName.EndsWith(".ko", StringComparison.Ordinal))
        {
            return KernelModule.Read(fileName, member.Content);
        }

        using MemoryStream content = new();
        if (!await Decompressor.TryUnpackAsync(member.Content, content, cancellationToken))
        {
            throw new InvalidDataException($"'{fileName}' is packed in an unknown way.");
        }

        return KernelModule.Read(Path.GetFileNameWithoutExtension(fileName), content.ToArray());
    }
}
