using MicroVm.Engine.Errors;
using MicroVm.Engine.Native;

namespace MicroVm.Engine.Storage;

/// <summary>
/// Asks the distribution's archive through apt, without root and without changing the host: nothing is installed, and where the host's package lists are
/// missing or old, fresh ones are fetched into a directory of our own.
/// </summary>
/// <param name="directory">A private directory for lists and packages; the caller removes it.</param>
/// <param name="observer">Hears of what takes long.</param>
internal sealed class AptClient(string directory, IOperationObserver observer)
{
    /// <summary>The program that downloads.</summary>
    public static readonly HostTool AptGet = new("apt-get", "apt");

    private static readonly HostTool AptCache = new("apt-cache", "apt");

    private static readonly TimeSpan QueryTimeout = TimeSpan.FromSeconds(60);

    private static readonly TimeSpan UpdateTimeout = TimeSpan.FromMinutes(5);

    private static readonly TimeSpan ProgressInterval = TimeSpan.FromMilliseconds(100);

    // Slower than this, a network is as good as down.
    private const long BytesPerSecond = 50_000;

    private bool _ownLists;

    /// <summary>Which packages each of these depends on, and with <paramref name="recurse"/> each of those.</summary>
    /// <exception cref="MicroVmException">ToolFailed: a package is unknown, or apt failed.</exception>
    public Task<IReadOnlyDictionary<string, IReadOnlyList<string>>> DependsAsync(bool recurse, IEnumerable<string> packages, CancellationToken cancellationToken) =>
        WithListsAsync(
            async () =>
            {
                string[] exclude = ["recommends", "suggests", "conflicts", "breaks", "replaces", "enhances"];
                string[] arguments =
                    [.. Options(), "depends", .. exclude.Select(relation => "--no-" + relation), .. recurse ? ["--recurse"] : Array.Empty<string>(), .. packages];
                return AptPackage.ParseDepends(await AptCache.RunAsync(arguments, QueryTimeout, cancellationToken, directory));
            },
            cancellationToken);

    /// <summary>The versions and sizes of packages.</summary>
    /// <exception cref="MicroVmException">ToolFailed: a package is unknown, or apt failed.</exception>
    public Task<IReadOnlyList<AptPackage>> DescribeAsync(IEnumerable<string> packages, CancellationToken cancellationToken) =>
        WithListsAsync(
            async () => AptPackage.ParseUris(
                await AptGet.RunAsync([.. Options(), "download", "--print-uris", .. packages], QueryTimeout, cancellationToken, directory)),
            cancellationToken);

    /// <summary>Downloads packages into the directory; apt checks them against the archive's signatures.</summary>
    /// <param name="packages">The packages.</param>
    /// <param name="progress">Hears now and then how many bytes are there.</param>
    /// <param name="cancellationToken">Cancels the download.</param>
    /// <exception cref="MicroVmException">ToolFailed: the archive cannot be reached, or is too slow.</exception>
    public Task DownloadAsync(IReadOnlyCollection<AptPackage> packages, Action<long> progress, CancellationToken cancellationToken) =>
        WithListsAsync(
            async () =>
            {
                TimeSpan timeout = QueryTimeout + TimeSpan.FromSeconds(packages.Sum(p => p.Bytes) / BytesPerSecond);
                Task<string> download = AptGet.RunAsync([.. Options(), "download", .. packages.Select(p => p.Name)], timeout, cancellationToken, directory);
                while (await Task.WhenAny(download, Task.Delay(ProgressInterval, cancellationToken)) != download && !cancellationToken.IsCancellationRequested)
                {
                    progress(packages.Select(p => new FileInfo(PathOf(p))).Sum(f => f.Exists ? f.Length : 0));
                }

                return await download;
            },
            cancellationToken);

    /// <summary>Where a downloaded package is.</summary>
    public string PathOf(AptPackage package) => Path.Combine(directory, package.FileName);

    private string[] Options()
    {
        List<string> options = ["-q"];
        if (_ownLists)
        {
            options.AddRange(["-o", $"Dir::State::Lists={directory}/lists", "-o", $"Dir::Cache={directory}/cache"]);
        }

        if (Credentials.EffectiveUserId == 0)
        {
            // The user apt would otherwise become cannot enter our directory.
            options.AddRange(["-o", "APT::Sandbox::User=root"]);
        }

        return [.. options];
    }

    // The host may have no package lists (a fresh container) or old ones (whose packages the archive has dropped): then once more with our own.
    private async Task<T> WithListsAsync<T>(Func<Task<T>> query, CancellationToken cancellationToken)
    {
        try
        {
            return await query();
        }
        catch (MicroVmException exception) when (!_ownLists && exception.Kind == ErrorKind.ResourceUnavailable)
        {
            observer.Verbose($"The host's package lists are of no use ({exception.InnerException?.Message}); fetching new ones.");
            _ownLists = true;
            Directory.CreateDirectory(Path.Combine(directory, "lists", "partial"));
            Directory.CreateDirectory(Path.Combine(directory, "cache", "archives", "partial"));
            await AptGet.RunAsync([.. Options(), "update"], UpdateTimeout, cancellationToken, directory);
            return await query();
        }
    }
}
