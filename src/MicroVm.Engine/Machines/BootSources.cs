using MicroVm.Engine.Errors;
using MicroVm.Engine.State;
using MicroVm.Engine.Storage;

namespace MicroVm.Engine.Machines;

/// <summary>Finds what a new VM boots, an image or files of the user's, and what it has to be told.</summary>
internal static class BootSources
{
    /// <summary>The image that is used, and made on first use, when none is named.</summary>
    public const string DefaultImage = "base";

    private const long DefaultDiskBytes = 8L << 30;

    /// <summary>What a VM boots.</summary>
    /// <param name="Boot">What is recorded of it.</param>
    /// <param name="DiskBytes">The size of the VM's own disk; 0 for none.</param>
    internal sealed record Resolved(BootSource Boot, long DiskBytes);

    /// <summary>Finds what a VM boots, and makes the default image if that is wanted and missing.</summary>
    /// <param name="context">The engine.</param>
    /// <param name="spec">What the VM shall be; checked.</param>
    /// <param name="vmName">The VM's name, which is the guest's unless another is asked for.</param>
    /// <param name="interfaces">The VM's network interfaces.</param>
    /// <param name="observer">Hears how the image is made.</param>
    /// <param name="cancellationToken">Cancels that.</param>
    public static async Task<Resolved> ResolveAsync(
        EngineContext context,
        VirtualMachineSpec spec,
        string vmName,
        IReadOnlyList<MachineInterface> interfaces,
        IOperationObserver observer,
        CancellationToken cancellationToken)
    {
        if (spec.KernelPath is { } kernel)
        {
            return spec.Image is null
                ? FromFiles(spec, kernel, vmName, interfaces)
                : throw new MicroVmException(ErrorIds.InvalidMicroVmSpec, ErrorKind.InvalidArgument, "Give an image or a kernel, not both.") { Target = spec.Image };
        }

        string name = spec.Image ?? DefaultImage;
        if (name.Equals(DefaultImage, StringComparison.OrdinalIgnoreCase) && !context.Images.Exists(DefaultImage))
        {
            await BaseImageBuilder.BuildAsync(context.Images, IfInstalled.Keep, observer, cancellationToken);
        }

        (GuestImage image, ImageManifest manifest) = context.Images.Get(name);
        return FromImage(spec, image, manifest, vmName, interfaces);
    }

    /// <summary>
    /// What a VM boots under another name: what its guest is told after a restore, it is to find as well when it boots. A host name that was chosen stays.
    /// </summary>
    /// <param name="boot">What it booted.</param>
    /// <param name="from">The VM's name then, which was the guest's unless another was chosen.</param>
    /// <param name="to">The VM's name.</param>
    public static BootSource Renamed(BootSource boot, string from, string to) => boot.Hostname is { } chosen && chosen != from
        ? boot
        : boot with
        {
            Hostname = boot.Hostname is null ? null : to,
            KernelArguments =
            [
                .. boot.KernelArguments.Select(argument =>
                    argument.StartsWith(GuestContract.HostNameArgument, StringComparison.Ordinal) ? GuestContract.HostNameArgument + to : argument),
            ],
        };

    private static Resolved FromImage(VirtualMachineSpec spec, GuestImage image, ImageManifest manifest, string vmName, IReadOnlyList<MachineInterface> interfaces)
    {
        SpecRules.CheckMemory(spec.MemoryBytes, image.MinimumMemoryBytes, $"image '{image.Name}'");
        // The initramfs is all there is, so what runs is our own init. It takes the name from the kernel's command line: a disk only for that would be waste.
        bool isOurs = manifest.UsesOverlayDisk && manifest.RootDisk is null;
        bool hasConfiguration = ConfigurationRules.IsDiskNeeded(spec, nameNeedsDisk: !isOurs, interfaces.Count > 0);
        if (hasConfiguration && isOurs)
        {
            ConfigurationRules.CheckOurInit(spec, image.Name, manifest.UsesConfigurationDisk);
        }

        if (interfaces.Count > 0 && isOurs)
        {
            ConfigurationRules.CheckOurNetwork(image.Name, manifest.UsesNetworkArguments);
        }

        string hostname = spec.Hostname ?? vmName;
        long diskBytes = spec.DiskBytes ?? (manifest.UsesOverlayDisk ? DefaultDiskBytes : 0);
        List<string> arguments = [.. KernelLine.Of(spec.KernelProfile, manifest.KernelArguments)];
        if (manifest.UsesOverlayDisk)
        {
            if (diskBytes > 0)
            {
                arguments.Add(GuestContract.OverlayArgument);
            }

            arguments.Add(GuestContract.HostNameArgument + hostname);
            if (manifest.RootDisk is not null)
            {
                arguments.Add(GuestContract.RootArgument);
            }
        }

        BootSource boot = new()
        {
            Image = image.Name,
            ImageDigest = image.Digest,
            KernelPath = image.KernelPath,
            InitramfsPath = image.InitramfsPath,
            RootDiskPath = image.RootDiskPath,
            KernelArguments = [.. arguments, .. KernelLine.ConfigurationDisk(hasConfiguration), .. KernelLine.Ending(spec)],
            ReadyMarker = manifest.ReadyMarker,
            Hostname = isOurs || hasConfiguration ? hostname : null,
            HasConfigurationDisk = hasConfiguration,
        };
        return new Resolved(boot, diskBytes);
    }

    private static Resolved FromFiles(VirtualMachineSpec spec, string kernel, string vmName, IReadOnlyList<MachineInterface> interfaces)
    {
        long diskBytes = spec.DiskBytes ?? 0;
        bool hasConfiguration = ConfigurationRules.IsDiskNeeded(spec, nameNeedsDisk: true, interfaces.Count > 0);
        IEnumerable<string> root = spec is { RootDiskPath: not null, InitramfsPath: null } ? KernelLine.RootDisk(diskBytes > 0) : [];
        BootSource boot = new()
        {
            KernelPath = SpecRules.CheckFile(kernel, "kernel"),
            InitramfsPath = spec.InitramfsPath is { } initramfs ? SpecRules.CheckFile(initramfs, "initramfs") : null,
            RootDiskPath = spec.RootDiskPath is { } disk ? SpecRules.CheckFile(disk, "root disk") : null,
            KernelArguments =
            [
                .. KernelLine.Of(spec.KernelProfile, KernelLine.OfFiles), .. root, .. KernelLine.ConfigurationDisk(hasConfiguration), .. KernelLine.Ending(spec),
            ],
            Hostname = hasConfiguration ? spec.Hostname ?? vmName : null,
            HasConfigurationDisk = hasConfiguration,
        };
        return new Resolved(boot, diskBytes);
    }
}
