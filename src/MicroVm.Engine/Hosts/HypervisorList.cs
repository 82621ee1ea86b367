using MicroVm.Engine.Errors;
using MicroVm.Engine.Machines;
using MicroVm.Engine.Vmm;

namespace MicroVm.Engine.Hosts;

/// <summary>Finds the VMMs of this host.</summary>
internal static class HypervisorList
{
    /// <summary>The VMMs that are installed.</summary>
    public static async Task<IReadOnlyList<Hypervisor>> InstalledAsync(EngineContext context, CancellationToken cancellationToken)
    {
        List<Hypervisor> found = [];
        foreach (IVmmDriver driver in context.Drivers)
        {
            try
            {
                found.Add(await LookAsync(context, driver, path: null, isDefault: found.Count == 0, cancellationToken));
            }
            catch (MicroVmException exception) when (exception is { ErrorId: ErrorIds.HypervisorNotFound, Kind: ErrorKind.NotInstalled })
            {
                // What is not installed is not listed.
            }
        }

        return found;
    }

    /// <summary>The VMM that a program is.</summary>
    /// <exception cref="MicroVmException"><see cref="ErrorIds.HypervisorNotFound"/>.</exception>
    public static Task<Hypervisor> AtAsync(EngineContext context, HypervisorKind kind, string path, CancellationToken cancellationToken) =>
        LookAsync(context, context.DriverOf(kind), System.IO.Path.GetFullPath(path), isDefault: false, cancellationToken);

    private static async Task<Hypervisor> LookAsync(EngineContext context, IVmmDriver driver, string? path, bool isDefault, CancellationToken cancellationToken)
    {
        string version = await VmmVersions.GetAsync(context, driver, path, cancellationToken);
        return new Hypervisor
        {
            Kind = driver.Kind,
            Version = version,
            Path = driver.FindProgram(path),
            IsDefault = isDefault,
            IsSupported = VmmVersions.IsSupported(driver, version),
            MinimumVersion = driver.Capabilities.MinimumVersion.ToString(),
            Accelerators = Kvm.Choose(AcceleratorKind.Auto, NullObserver.Instance) == AcceleratorKind.Kvm ? [AcceleratorKind.Kvm, AcceleratorKind.Tcg] : [AcceleratorKind.Tcg],
            MaximumCpuCount = driver.Capabilities.MaximumCpuCount,
        };
    }
}
