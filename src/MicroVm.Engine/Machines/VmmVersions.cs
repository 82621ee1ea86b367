using System.Security.Cryptography;
using System.Text;
using MicroVm.Engine.Errors;
using MicroVm.Engine.State;
using MicroVm.Engine.Vmm;

namespace MicroVm.Engine.Machines;

/// <summary>The versions of VMM programs, asked for once per program file and kept in the cache directory.</summary>
internal static class VmmVersions
{
    /// <summary>The version of a driver's program.</summary>
    /// <param name="context">The engine.</param>
    /// <param name="driver">The driver.</param>
    /// <param name="path">A program that was chosen, or null for the one that is installed.</param>
    /// <param name="cancellationToken">Cancels the asking.</param>
    public static async Task<string> GetAsync(EngineContext context, IVmmDriver driver, string? path, CancellationToken cancellationToken)
    {
        string name = driver.FindProgram(path);

        // What a link leads to may change without the link.
        FileInfo program = File.ResolveLinkTarget(name, returnFinalTarget: true) as FileInfo ?? new FileInfo(name);
        string stamp = $"{program.FullName} {program.Length} {program.LastWriteTimeUtc.Ticks}\n";
        string cache = Path.Combine(context.Paths.CacheDirectory, $"{driver.Kind}{SuffixOf(path)}.version".ToLowerInvariant());
        if (File.Exists(cache) && File.ReadAllText(cache) is { } known && known.StartsWith(stamp, StringComparison.Ordinal))
        {
            return known[stamp.Length..];
        }

        string version = await driver.ProbeVersionAsync(name, cancellationToken);
        try
        {
            MachineStore.MakeDirectory(context.Paths.CacheDirectory);
            AtomicFile.Write(cache, Encoding.UTF8.GetBytes(stamp + version), lasting: false);
        }
        catch (Exception exception) when (exception is IOException or UnauthorizedAccessException)
        {
            // On a full disk it is asked again.
        }

        return version;
    }

    /// <summary>Whether the driver can use a version.</summary>
    public static bool IsSupported(IVmmDriver driver, string version) => Version.Parse(version) >= driver.Capabilities.MinimumVersion;

    /// <summary>Checks a program that was chosen: that it is there, that it is what the driver drives, and not too old.</summary>
    /// <exception cref="MicroVmException"><see cref="ErrorIds.HypervisorNotFound"/>, <see cref="ErrorIds.HypervisorVersionUnsupported"/>.</exception>
    public static async Task CheckChosenAsync(EngineContext context, IVmmDriver driver, string path, CancellationToken cancellationToken)
    {
        string version = await GetAsync(context, driver, path, cancellationToken);
        if (!IsSupported(driver, version))
        {
            throw new MicroVmException(
                ErrorIds.HypervisorVersionUnsupported,
                ErrorKind.NotSupported,
                $"'{path}' is {driver.Kind} {version}, which is older than {driver.Capabilities.MinimumVersion}.")
            {
                Target = path,
                RecommendedAction = $"Give the path of {driver.Kind} {driver.Capabilities.MinimumVersion} or later.",
            };
        }
    }

    // The stamp in the file has the whole path: should two have one file, the version is asked for more often, no more.
    private static string SuffixOf(string? path) => path is null ? "" : $"-{Convert.ToHexString(SHA256.HashData(Encoding.UTF8.GetBytes(path)))[..16]}";
}
