using System.Diagnostics;
using System.Text;
using MicroVm.Engine.Errors;
using MicroVm.Engine.Native;

namespace MicroVm.Engine.Storage;

/// <summary>
/// Makes the image "base" from the distribution's own packages: its kernel for clouds, a static busybox and the QEMU guest agent. Nothing is installed on the
/// host and root is not needed.
/// </summary>
internal sealed class BaseImageBuilder
{
    /// <summary>The image's name.</summary>
    public const string ImageName = "base";

    private const string KernelFileName = "kernel";
    private const string InitramfsFileName = "initramfs";
    private const string KernelPath = "boot/vmlinuz-";
    private const string KernelConfigurationPath = "boot/config-";
    private const string WorkDirectoryName = ".work";

    // 92 MiB boot with one CPU; this leaves something to work with.
    private const long MinimumMemory = 112L << 20;

    private readonly string _directory;
    private readonly string _work;
    private readonly IOperationObserver _observer;

    private BaseImageBuilder(string directory, IOperationObserver observer)
    {
        _directory = directory;
        _work = Path.Combine(directory, WorkDirectoryName);
        _observer = observer;
    }

    /// <summary>Makes and installs the image.</summary>
    /// <param name="store">Where it is installed.</param>
    /// <param name="ifInstalled">What to do when it is there already. Two processes may ask at once: the second waits for the first.</param>
    /// <param name="observer">Hears of the progress, and of each phase's duration.</param>
    /// <param name="cancellationToken">Cancels; nothing is left then.</param>
    /// <exception cref="MicroVmException">ImageInstallFailed with its cause chained; ImageAlreadyExists, DiskFull, PermissionDenied or StorageFailed.</exception>
    public static Task<GuestImage> BuildAsync(ImageStore store, IfInstalled ifInstalled, IOperationObserver observer, CancellationToken cancellationToken) =>
        store.InstallAsync(ImageName, ifInstalled, (directory, token) => new BaseImageBuilder(directory, observer).FillAsync(token), observer, cancellationToken);

    private async Task<ImageManifest> FillAsync(CancellationToken cancellationToken)
    {
        try
        {
            RequireTools();
            Directory.CreateDirectory(_work);
            ImageManifest manifest = await MakeAsync(cancellationToken);
            Directory.Delete(_work, recursive: true);
            return manifest;
        }
        catch (Exception exception) when (exception is InvalidDataException or MicroVmException { ErrorId: ErrorIds.ToolFailed })
        {
            throw new MicroVmException(ErrorIds.ImageInstallFailed, ErrorKind.ResourceUnavailable, $"Image '{ImageName}' could not be made.", exception)
            {
                Target = ImageName,
                RecommendedAction = (exception as MicroVmException)?.RecommendedAction
                    ?? "Check that the package archive can be reached (apt-get update), or boot a kernel of your own: New-MicroVm -KernelPath <file>.",
            };
        }
    }

    private static void RequireTools()
    {
        string[] missing = [.. new[] { AptClient.AptGet, DebPackage.DpkgDeb }.Where(t => t.Find() is null).Select(t => t.Name)];
        if (missing.Length > 0)
        {
            throw new MicroVmException(
                ErrorIds.ImageInstallFailed,
                ErrorKind.NotInstalled,
                $"Image '{ImageName}' is made from Debian packages, and this host has no {string.Join(" and no ", missing)}.")
            {
                Target = ImageName,
                RecommendedAction = "Boot a kernel of your own: New-MicroVm -KernelPath <file> -InitramfsPath <file>; or make the image on a Debian host.",
            };
        }
    }

    private async Task<ImageManifest> MakeAsync(CancellationToken cancellationToken)
    {
        BaseImagePackages packages = await TimeAsync("Finding packages", 0, () => BaseImagePackages.ResolveAsync(new AptClient(_work, _observer), cancellationToken));
        IReadOnlyList<string> libraryFiles = await TimeAsync(
            "Downloading",
            5,
            () => packages.DownloadAsync((done, total) => Report("Downloading", 5 + (int)(done * 40 / Math.Max(total, 1))), cancellationToken));
        (IReadOnlyList<KernelModule> modules, DebMember kernel, Initramfs initramfs) = await TimeAsync(
            "Unpacking",
            45,
            () => UnpackAsync(packages, libraryFiles, cancellationToken));
        KernelFile kernelFile = await TimeAsync("Kernel", 75, () => WriteKernelAsync(kernel, cancellationToken));
        ImageFile initramfsFile = await TimeAsync("Initramfs", 85, () => WriteInitramfsAsync(initramfs, cancellationToken));
        _observer.Verbose($"The initramfs has {modules.Count} kernel modules and {initramfsFile.Bytes >> 20} MiB.");
        Report("Verifying", 95);
        return new ImageManifest
        {
            Version = ImageManifest.CurrentVersion,
            Name = ImageName,
            Description = $"Busybox and the QEMU guest agent on {kernelFile.Release}; a root shell on the serial console.",
            CreatedAt = DateTimeOffset.Now,
            Kernel = kernelFile,
            Initramfs = initramfsFile,
            KernelArguments = GuestContract.KernelArguments,
            ReadyMarker = GuestContract.ReadyMarker,
            MinimumMemoryBytes = MinimumMemory,
            UsesOverlayDisk = true,
            UsesConfigurationDisk = true,
            UsesNetworkArguments = true,
            Packages = new SortedDictionary<string, string>(packages.Downloaded, StringComparer.Ordinal),
        };
    }

    private async Task<(IReadOnlyList<KernelModule> Modules, DebMember Kernel, Initramfs Initramfs)> UnpackAsync(
        BaseImagePackages packages,
        IReadOnlyList<string> libraryFiles,
        CancellationToken cancellationToken)
    {
        // The kernel's package takes as long as all the others together, and they are independent.
        Task<IReadOnlyDictionary<string, byte[]>> agent = ReadAgentAsync(packages, libraryFiles, cancellationToken);
        Task<(IReadOnlyList<KernelModule> Modules, IReadOnlyList<DebMember> Others)> kernelPackage = GuestKernelModules.ReadAsync(
            wanted => ReadAllAsync(packages.KernelFiles, wanted, cancellationToken),
            static path => path.StartsWith(KernelPath, StringComparison.Ordinal) || path.StartsWith(KernelConfigurationPath, StringComparison.Ordinal),
            cancellationToken);
        DebMember busybox = await ReadOneAsync(packages.FileOf(BaseImagePackages.Busybox), "bin/busybox", cancellationToken);
        (IReadOnlyList<KernelModule> modules, IReadOnlyList<DebMember> others) = await kernelPackage;
        DebMember kernel = others.FirstOrDefault(o => o.Path.StartsWith(KernelPath, StringComparison.Ordinal))
            ?? throw new InvalidDataException("The kernel's package holds no kernel.");
        if (TakesUnsigned(others.FirstOrDefault(o => o.Path.StartsWith(KernelConfigurationPath, StringComparison.Ordinal))))
        {
            modules = [.. modules.Select(module => module.WithoutSignature())];
        }

        Initramfs initramfs = new()
        {
            Busybox = busybox.Content,
            Applets = await ListAppletsAsync(busybox.Content, cancellationToken),
            KernelRelease = ReleaseOf(kernel),
            Modules = modules,
            Programs = await agent,
        };
        return (modules, kernel, initramfs);
    }

    private async Task<IReadOnlyDictionary<string, byte[]>> ReadAgentAsync(
        BaseImagePackages packages,
        IReadOnlyList<string> libraryFiles,
        CancellationToken cancellationToken)
    {
        DebMember agent = await ReadOneAsync(packages.FileOf(BaseImagePackages.Agent), "sbin/qemu-ga", cancellationToken);
        SharedLibraries libraries = new();
        while (true)
        {
            libraries.Add(await ReadAllAsync(libraryFiles, SharedLibraries.IsCandidate, cancellationToken));
            IReadOnlyDictionary<string, byte[]> needed = libraries.Closure(agent.Content, out IReadOnlyList<string> missing);
            if (missing.Count == 0)
            {
                return new Dictionary<string, byte[]>(needed) { ["usr/sbin/qemu-ga"] = agent.Content };
            }

            if (!packages.HasMoreLibraries)
            {
                throw new InvalidDataException($"No package has the libraries {string.Join(", ", missing)}, which the guest agent needs.");
            }

            libraryFiles = await packages.DownloadMoreLibrariesAsync(cancellationToken);
        }
    }

    private static async Task<IReadOnlyList<DebMember>> ReadAllAsync(IEnumerable<string> packages, Func<string, bool> wanted, CancellationToken cancellationToken)
    {
        List<DebMember> members = [];
        foreach (string package in packages)
        {
            members.AddRange(await DebPackage.ReadAsync(package, wanted, cancellationToken));
        }

        return members;
    }

    // Packages use /bin and /usr/bin for the same place, so only the end of the path counts.
    private static async Task<DebMember> ReadOneAsync(string package, string pathEnd, CancellationToken cancellationToken)
    {
        IReadOnlyList<DebMember> members =
            await DebPackage.ReadAsync(package, p => p == pathEnd || p.EndsWith("/" + pathEnd, StringComparison.Ordinal), cancellationToken);
        return members.FirstOrDefault() ?? throw new InvalidDataException($"'{Path.GetFileName(package)}' has no {pathEnd}.");
    }

    // Who does not say is taken to insist on signatures.
    private static bool TakesUnsigned(DebMember? configuration) =>
        configuration is not null && !Encoding.UTF8.GetString(configuration.Content).Contains("\nCONFIG_MODULE_SIG_FORCE=y", StringComparison.Ordinal);

    private static string ReleaseOf(DebMember kernel) => Path.GetFileName(kernel.Path)["vmlinuz-".Length..];

    private async Task<IReadOnlyList<string>> ListAppletsAsync(byte[] busybox, CancellationToken cancellationToken)
    {
        string program = Path.Combine(_work, "busybox");
        await File.WriteAllBytesAsync(program, busybox, cancellationToken);
        File.SetUnixFileMode(program, UnixFileMode.UserRead | UnixFileMode.UserExecute);
        string list = await new HostTool(program, BaseImagePackages.Busybox).RunAsync(["--list-full"], TimeSpan.FromSeconds(10), cancellationToken);
        return list.Split('\n', StringSplitOptions.RemoveEmptyEntries);
    }

    private async Task<KernelFile> WriteKernelAsync(DebMember kernel, CancellationToken cancellationToken)
    {
        byte[]? vmlinux = await KernelExtractor.ExtractAsync(kernel.Content, _observer, cancellationToken);
        string path = Path.Combine(_directory, KernelFileName);
        await File.WriteAllBytesAsync(path, vmlinux ?? kernel.Content, cancellationToken);
        return new KernelFile
        {
            File = KernelFileName,
            Sha256 = await FileDigest.Sha256Async(path, cancellationToken),
            Bytes = new FileInfo(path).Length,
            Release = ReleaseOf(kernel),
            Format = vmlinux is null ? KernelFormat.BzImage : KernelFormat.Elf,
        };
    }

    private async Task<ImageFile> WriteInitramfsAsync(Initramfs initramfs, CancellationToken cancellationToken)
    {
        string path = Path.Combine(_directory, InitramfsFileName);
        await using (FileStream stream = new(path, FileMode.CreateNew, FileAccess.Write, FileShare.None, 1 << 20))
        {
            initramfs.Write(stream);
        }

        return new ImageFile
        {
            File = InitramfsFileName,
            Sha256 = await FileDigest.Sha256Async(path, cancellationToken),
            Bytes = new FileInfo(path).Length,
        };
    }

    private async Task<T> TimeAsync<T>(string phase, int percent, Func<Task<T>> work)
    {
        Report(phase, percent);
        long start = Stopwatch.GetTimestamp();
        T result = await work();
        _observer.Verbose($"Image {ImageName}: {phase} took {Stopwatch.GetElapsedTime(start).TotalSeconds:0.00} s.");
        return result;
    }

    private void Report(string status, int percent) => _observer.Progress(new OperationProgress($"Installing image {ImageName}", status, percent));
}
