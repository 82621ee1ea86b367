using System.Runtime.InteropServices;
using MicroVm.Engine.Errors;
using MicroVm.Engine.State;

namespace MicroVm.Engine.Snapshots;

/// <summary>What is checked before a snapshot is restored; its cost does not depend on the size of the memory.</summary>
internal static class SnapshotChecks
{
    /// <summary>The CPU a guest sees: TCG's own, which depends on QEMU's version alone, or the host's.</summary>
    public static string CpuModel(AcceleratorKind accelerator) => accelerator == AcceleratorKind.Tcg ? "TCG max" : HostCpu.Value;

    private static Lazy<string> HostCpu { get; } = new(() =>
        File.ReadLines("/proc/cpuinfo").FirstOrDefault(line => line.StartsWith("model name", StringComparison.Ordinal))?.Split(':', 2)[1].Trim() ?? "unknown");

    /// <summary>Holds the snapshot against this host.</summary>
    /// <param name="manifest">The snapshot.</param>
    /// <param name="hypervisorVersion">The version of the VMM here.</param>
    /// <exception cref="MicroVmException"><see cref="ErrorIds.SnapshotIncompatible"/>, listing every mismatch.</exception>
    public static void CheckHost(SnapshotManifest manifest, string hypervisorVersion)
    {
        List<string> mismatches = [.. Mismatches(manifest, hypervisorVersion)];
        if (mismatches.Count > 0)
        {
            throw new MicroVmException(
                ErrorIds.SnapshotIncompatible,
                ErrorKind.InvalidData,
                $"Snapshot '{manifest.Name}' of '{manifest.MachineName}' does not fit this host: {string.Join("; ", mismatches)}.")
            {
                Target = manifest.Name,
                RecommendedAction = "Restore it on a host like the one it was taken on.",
            };
        }
    }

    /// <summary>In what this host differs from what the snapshot needs, each in words.</summary>
    /// <param name="manifest">The snapshot.</param>
    /// <param name="hypervisorVersion">The version of the VMM here.</param>
    public static IEnumerable<string> Mismatches(SnapshotManifest manifest, string hypervisorVersion)
    {
        SnapshotHost host = manifest.Host;
        return
        [
            .. Compare("architecture", host.Architecture, RuntimeInformation.OSArchitecture.ToString()),
            .. Compare($"{manifest.Hardware.Hypervisor} release", Release(host.HypervisorVersion), Release(hypervisorVersion)),
            .. Compare("CPU", host.CpuModel, CpuModel(host.Accelerator)),
        ];

        static IEnumerable<string> Compare(string what, string saved, string here) => saved == here ? [] : [$"{what} is {here}, the snapshot's is {saved}"];
    }

    /// <summary>Checks that the files are there in their sizes.</summary>
    /// <exception cref="MicroVmException"><see cref="ErrorIds.SnapshotCorrupt"/>.</exception>
    public static void CheckFiles(SnapshotManifest manifest, string directory)
    {
        foreach (SnapshotFile? file in (ReadOnlySpan<SnapshotFile?>)[manifest.Memory, manifest.DeviceState, manifest.Disk])
        {
            if (file is null)
            {
                continue;
            }

            if (Flaw(file, directory) is { } flaw)
            {
                throw Corrupt(manifest, $"its file '{file.Name}' {flaw}");
            }
        }

        if (manifest.Boot.HasConfigurationDisk && !File.Exists(Path.Combine(directory, BootSource.ConfigurationFile)))
        {
            throw Corrupt(manifest, $"its file '{BootSource.ConfigurationFile}' is missing");
        }
    }

    /// <summary>What is wrong with a file by its size, in words; null for nothing.</summary>
    public static string? Flaw(SnapshotFile file, string directory)
    {
        FileInfo found = new(Path.Combine(directory, file.Name));
        return !found.Exists ? "is missing"
            : found.Length != file.Bytes ? $"has {found.Length} bytes instead of {file.Bytes}"
            : null;
    }

    /// <summary>Checks the digest of the device state; whoever loads it must have waited for this.</summary>
    /// <exception cref="MicroVmException"><see cref="ErrorIds.SnapshotCorrupt"/>.</exception>
    public static async Task CheckDeviceStateAsync(SnapshotManifest manifest, string directory, CancellationToken cancellationToken)
    {
        if (!await RecordedDigest.MatchesAsync(manifest.DeviceState.Digest, Path.Combine(directory, manifest.DeviceState.Name), cancellationToken))
        {
            throw Corrupt(manifest, "its device state does not have the recorded digest");
        }
    }

    private static string Release(string version) => string.Join('.', version.Split('.').Take(2));

    private static MicroVmException Corrupt(SnapshotManifest manifest, string what) =>
        new(ErrorIds.SnapshotCorrupt, ErrorKind.InvalidData, $"Snapshot '{manifest.Name}' of '{manifest.MachineName}' is damaged: {what}.")
        {
            Target = manifest.Name,
            RecommendedAction = $"Remove it: Remove-MicroVmSnapshot {manifest.Name} -VMName {manifest.MachineName}",
        };
}
