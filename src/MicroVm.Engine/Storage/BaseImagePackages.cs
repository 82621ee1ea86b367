using System.Runtime.InteropServices;

namespace MicroVm.Engine.Storage;

/// <summary>The distribution's packages the base image is made from: which they are, and where their files have been downloaded to.</summary>
internal sealed class BaseImagePackages
{
    /// <summary>The static busybox.</summary>
    public const string Busybox = "busybox-static";

    /// <summary>The QEMU guest agent.</summary>
    public const string Agent = "qemu-guest-agent";

    private readonly AptClient _apt;
    private readonly IReadOnlyDictionary<string, AptPackage> _available;
    private readonly IReadOnlyList<string> _kernel;
    private readonly List<IReadOnlyList<string>> _libraryLevels;

    private BaseImagePackages(
        AptClient apt,
        IReadOnlyDictionary<string, AptPackage> available,
        IReadOnlyList<string> kernel,
        List<IReadOnlyList<string>> libraryLevels)
    {
        _apt = apt;
        _available = available;
        _kernel = kernel;
        _libraryLevels = libraryLevels;
    }

    /// <summary>The files of the kernel's packages.</summary>
    public IEnumerable<string> KernelFiles => _kernel.Select(FileOf);

    /// <summary>What has been downloaded, with versions.</summary>
    public Dictionary<string, string> Downloaded { get; } = [];

    /// <summary>How many further levels of libraries there are to download.</summary>
    public bool HasMoreLibraries => _libraryLevels.Count > 0;

    /// <summary>Finds out which packages are needed.</summary>
    /// <exception cref="Errors.MicroVmException">ToolFailed: apt is missing, fails, or does not know the packages.</exception>
    public static async Task<BaseImagePackages> ResolveAsync(AptClient apt, CancellationToken cancellationToken)
    {
        IReadOnlyList<string> kernel = await ResolveKernelAsync(apt, cancellationToken);
        IReadOnlyDictionary<string, IReadOnlyList<string>> graph = await apt.DependsAsync(recurse: true, [Agent], cancellationToken);
        List<IReadOnlyList<string>> levels = LibraryLevels(graph);
        IReadOnlyList<AptPackage> available = await apt.DescribeAsync([.. kernel, Busybox, Agent, .. levels.SelectMany(l => l)], cancellationToken);
        return new BaseImagePackages(apt, available.ToDictionary(p => p.Name), kernel, levels);
    }

    /// <summary>Downloads the kernel, busybox, the agent, and the first level of libraries.</summary>
    /// <returns>The files of the libraries' packages.</returns>
    /// <exception cref="Errors.MicroVmException">ToolFailed.</exception>
    public async Task<IReadOnlyList<string>> DownloadAsync(Action<long, long> progress, CancellationToken cancellationToken)
    {
        IReadOnlyList<string> libraries = TakeLevel();
        await DownloadAsync([.. _kernel, Busybox, Agent, .. libraries], progress, cancellationToken);
        return [.. libraries.Select(FileOf)];
    }

    /// <summary>Downloads the next level of libraries: what the packages of the level before depend on.</summary>
    /// <returns>The files of the packages.</returns>
    /// <exception cref="Errors.MicroVmException">ToolFailed.</exception>
    public async Task<IReadOnlyList<string>> DownloadMoreLibrariesAsync(CancellationToken cancellationToken)
    {
        IReadOnlyList<string> libraries = TakeLevel();
        await DownloadAsync(libraries, (_, _) => { }, cancellationToken);
        return [.. libraries.Select(FileOf)];
    }

    /// <summary>The file of a package that has been downloaded.</summary>
    public string FileOf(string package) => _apt.PathOf(_available[package]);

    // The metapackage names the present kernel; in some distributions that one keeps its modules in a package of their own.
    private static async Task<IReadOnlyList<string>> ResolveKernelAsync(AptClient apt, CancellationToken cancellationToken)
    {
        string architecture = RuntimeInformation.OSArchitecture == Architecture.Arm64 ? "arm64" : "amd64";
        List<string> kernel = [];
        string[] ask = ["linux-image-cloud-" + architecture];
        while (ask.Length > 0)
        {
            IReadOnlyDictionary<string, IReadOnlyList<string>> depends = await apt.DependsAsync(recurse: false, ask, cancellationToken);
            ask = [.. depends.Values.SelectMany(d => d).Where(p => IsKernelPackage(p) && !kernel.Contains(p)).Distinct()];
            kernel.AddRange(ask);
        }

        return kernel.Count > 0 ? kernel : throw new InvalidDataException("The distribution's kernel metapackage names no kernel.");
    }

    private static bool IsKernelPackage(string name) =>
        name.StartsWith("linux-image-", StringComparison.Ordinal) || name.StartsWith("linux-modules-", StringComparison.Ordinal);

    // The libraries by their distance from the agent, so that those of its dependencies' dependencies are downloaded only when they turn out to be needed.
    private static List<IReadOnlyList<string>> LibraryLevels(IReadOnlyDictionary<string, IReadOnlyList<string>> graph)
    {
        List<IReadOnlyList<string>> levels = [];
        HashSet<string> seen = [Agent];
        string[] level = [Agent];
        while (level.Length > 0)
        {
            level = [.. level.SelectMany(p => graph.GetValueOrDefault(p, [])).Where(p => p.StartsWith("lib", StringComparison.Ordinal) && seen.Add(p))];
            if (level.Length > 0)
            {
                levels.Add(level);
            }
        }

        return levels;
    }

    private IReadOnlyList<string> TakeLevel()
    {
        if (_libraryLevels.Count == 0)
        {
            return [];
        }

        IReadOnlyList<string> level = _libraryLevels[0];
        _libraryLevels.RemoveAt(0);
        return level;
    }

    private async Task DownloadAsync(IReadOnlyCollection<string> names, Action<long, long> progress, CancellationToken cancellationToken)
    {
        AptPackage[] packages = [.. names.Select(n => _available[n])];
        long total = packages.Sum(p => p.Bytes);
        await _apt.DownloadAsync(packages, done => progress(done, total), cancellationToken);
        foreach (AptPackage package in packages)
        {
            Downloaded[package.Name] = package.Version;
        }
    }
}
