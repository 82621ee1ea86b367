using MicroVm.Engine.Errors;

namespace MicroVm.Engine.Vmm;

/// <summary>Whether the host's KVM can be used.</summary>
internal static class Kvm
{
    private const string Device = "/dev/kvm";
    private static readonly Lazy<bool> s_hardware = new(() =>
        File.ReadLines("/proc/cpuinfo").FirstOrDefault(line => line.StartsWith("flags", StringComparison.Ordinal)) is { } flags
        && flags.Split(' ').Any(flag => flag is "vmx" or "svm"));

    /// <summary>
    /// Whether the CPU shows hardware virtualisation. A <c>/dev/kvm</c> without it is software-backed, as on some nested hosts: it answers but does not
    /// boot ordinary kernels.
    /// </summary>
    public static bool HasHardware => s_hardware.Value;

    /// <summary>Why <c>/dev/kvm</c> does not open for reading and writing, or null when it does.</summary>
    public static Exception? OpenFailure()
    {
        try
        {
            using FileStream device = new(Device, FileMode.Open, FileAccess.ReadWrite, FileShare.ReadWrite, 0);
            return null;
        }
        catch (Exception exception) when (exception is IOException or UnauthorizedAccessException)
        {
            return exception;
        }
    }

    /// <summary>How the device is made usable.</summary>
    public static string Advice => File.Exists(Device)
        ? "Join the kvm group: sudo usermod -aG kvm $USER, then log in again."
        : "Load the module (sudo modprobe kvm_intel or kvm_amd), or enable virtualisation in the firmware.";

    /// <summary>Decides <see cref="AcceleratorKind.Auto"/>, and holds an explicit wish against the host.</summary>
    /// <exception cref="MicroVmException"><see cref="ErrorIds.KvmUnavailable"/>.</exception>
    public static AcceleratorKind Choose(AcceleratorKind wanted, IOperationObserver observer)
    {
        switch (wanted)
        {
            case AcceleratorKind.Auto:
                return HasHardware && OpenFailure() is null ? AcceleratorKind.Kvm : AcceleratorKind.Tcg;
            case AcceleratorKind.Kvm when OpenFailure() is { } failure:
                throw new MicroVmException(
                    ErrorIds.KvmUnavailable,
                    failure is UnauthorizedAccessException ? ErrorKind.PermissionDenied : ErrorKind.NotInstalled,
                    $"'{Device}' cannot be opened.",
                    failure)
                {
                    Target = Device,
                    RecommendedAction = $"{Advice} Or use -Accelerator Tcg.",
                };
            case AcceleratorKind.Kvm when !HasHardware:
                observer.Warning($"The CPU shows neither vmx nor svm: '{Device}' is software-backed here, and ordinary kernels may hang on it.");
                return wanted;
            default:
                return wanted;
        }
    }
}
