using MicroVm.Engine.Errors;
using MicroVm.Engine.Snapshots;
using MicroVm.Engine.State;
using MicroVm.Engine.Vmm;

namespace MicroVm.Engine.Machines;

/// <summary>Checks whether a snapshot is whole and can be restored here; nothing is started but the VMM's program for its version.</summary>
internal static class TestSnapshotPlan
{
    /// <summary>Makes all checks. A file that is missing or changed is a finding, not a failure.</summary>
    /// <exception cref="MicroVmException"><see cref="ErrorIds.SnapshotNotFound"/>.</exception>
    public static async Task<SnapshotReport> TestAsync(
        EngineContext context, Guid snapshotId, IOperationObserver observer, CancellationToken cancellationToken)
    {
        SnapshotManifest manifest;
        try
        {
            manifest = context.Snapshots.Read(snapshotId) ?? throw SnapshotStore.NotFound(snapshotId);
        }
        catch (MicroVmException exception) when (exception.ErrorId == ErrorIds.SnapshotCorrupt)
        {
            return OfDamaged(context, snapshotId, exception);
        }

        string directory = context.Snapshots.DirectoryOf(snapshotId);
        List<SnapshotFinding> files = [Found("Manifest", true, $"Taken {manifest.CreatedAt:u}.")];
        List<SnapshotFinding> host = [];
        foreach ((string name, SnapshotFile? file) in ((string, SnapshotFile?)[])[
            ("Memory", manifest.Memory), ("DeviceState", manifest.DeviceState), ("Disk", manifest.Disk)])
        {
            if (file is not null)
            {
                observer.Progress(new OperationProgress($"Testing snapshot {manifest.Name} of {manifest.MachineName}", name));
                files.Add(await TestFileAsync(name, file, directory, cancellationToken));
            }
        }

        if (manifest.Boot.HasConfigurationDisk)
        {
            bool isThere = File.Exists(Path.Combine(directory, BootSource.ConfigurationFile));
            files.Add(Found("Configuration", isThere, isThere ? "It is there." : $"Its file '{BootSource.ConfigurationFile}' is missing."));
        }

        host.Add(await TestBootFileAsync("Kernel", manifest.Boot.KernelPath, manifest.KernelDigest, cancellationToken));
        if (manifest.Boot.InitramfsPath is { } initramfs)
        {
            host.Add(await TestBootFileAsync("Initramfs", initramfs, manifest.InitramfsDigest, cancellationToken));
        }

        if (manifest.Boot.RootDiskPath is { } root)
        {
            host.Add(await TestBootFileAsync("RootDisk", root, null, cancellationToken));
        }

        host.AddRange(await TestHostAsync(context, manifest, cancellationToken));
        return new SnapshotReport
        {
            Name = manifest.Name,
            SnapshotId = snapshotId,
            VMName = manifest.MachineName,
            IsIntact = files.TrueForAll(finding => finding.IsOk),
            FitsHost = host.TrueForAll(finding => finding.IsOk),
            Findings = [.. files, .. host],
        };
    }

    private static SnapshotReport OfDamaged(EngineContext context, Guid id, MicroVmException failure)
    {
        Snapshot snapshot = context.Snapshots.ViewDamaged(id, failure);
        return new SnapshotReport
        {
            Name = snapshot.Name,
            SnapshotId = id,
            VMName = snapshot.VMName,
            IsIntact = false,
            FitsHost = false,
            Findings = [Found("Manifest", false, snapshot.Status)],
        };
    }

    private static async Task<SnapshotFinding> TestFileAsync(string name, SnapshotFile file, string directory, CancellationToken cancellationToken)
    {
        if (SnapshotChecks.Flaw(file, directory) is { } flaw)
        {
            return Found(name, false, $"Its file '{file.Name}' {flaw}.");
        }

        bool matches = await RecordedDigest.MatchesAsync(file.Digest, Path.Combine(directory, file.Name), cancellationToken);
        return Found(name, matches, matches ? $"{file.Bytes} bytes with the recorded digest." : $"Its file '{file.Name}' does not have the recorded digest.");
    }

    private static async Task<SnapshotFinding> TestBootFileAsync(string name, string path, string? digest, CancellationToken cancellationToken)
    {
        try
        {
            return !File.Exists(path) ? Found(name, false, $"'{path}' is missing; the VMM needs it though nothing is booted.")
                : digest is null ? Found(name, true, $"'{path}' is there; its digest was not recorded.")
                : await RecordedDigest.MatchesAsync(digest, path, cancellationToken) ? Found(name, true, $"'{path}' has the recorded digest.")
                : Found(name, false, $"'{path}' was changed since.");
        }
        catch (Exception exception) when (exception is IOException or UnauthorizedAccessException)
        {
            return Found(name, false, exception.Message);
        }
    }

    private static async Task<IEnumerable<SnapshotFinding>> TestHostAsync(EngineContext context, SnapshotManifest manifest, CancellationToken cancellationToken)
    {
        if (manifest.Host.Accelerator == AcceleratorKind.Kvm && Kvm.OpenFailure() is { } failure)
        {
            return [Found("Host", false, $"It was taken with KVM. {failure.Message}")];
        }

        try
        {
            string version = await VmmVersions.GetAsync(context, context.DriverOf(manifest.Hardware.Hypervisor), manifest.Hardware.HypervisorPath, cancellationToken);
            List<string> mismatches = [.. SnapshotChecks.Mismatches(manifest, version)];
            return
            [
                Found("Hypervisor", true, $"{manifest.Hardware.Hypervisor} {version}."),
                Found("Host", mismatches.Count == 0, mismatches.Count == 0 ? "It is like the one the snapshot was taken on." : $"Its {string.Join("; its ", mismatches)}."),
            ];
        }
        catch (MicroVmException exception)
        {
            return [Found("Hypervisor", false, exception.Message)];
        }
    }

    private static SnapshotFinding Found(string name, bool isOk, string detail) => new() { Name = name, IsOk = isOk, Detail = detail };
}
