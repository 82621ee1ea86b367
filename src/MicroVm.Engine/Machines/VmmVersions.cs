using System.Text;
using MicroVm.Engine.State;
using MicroVm.Engine.Vmm;

namespace MicroVm.Engine.Machines;

/// <summary>The versions of VMM programs, asked for once per program file and kept in the cache directory.</summary>
internal static class VmmVersions
{
    /// <summary>The version of a driver's program.</summary>
    public static async Task<string> GetAsync(EngineContext context, IVmmDriver driver, CancellationToken cancellationToken)
    {
        FileInfo program = new(driver.FindProgram());
        string stamp = $"{program.FullName} {program.Length} {program.LastWriteTimeUtc.Ticks}\n";
        string cache = Path.Combine(context.Paths.CacheDirectory, $"{driver.Kind}.version".ToLowerInvariant());
        if (File.Exists(cache) && File.ReadAllText(cache) is { } known && known.StartsWith(stamp, StringComparison.Ordinal))
        {
            return known[stamp.Length..];
        }

        string version = await driver.ProbeVersionAsync(cancellationToken);
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
}
