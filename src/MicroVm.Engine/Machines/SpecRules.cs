using System.Globalization;
using System.Security.Cryptography;
using MicroVm.Engine.Errors;
using MicroVm.Engine.Native;
using MicroVm.Engine.State;
using MicroVm.Engine.Vmm;

namespace MicroVm.Engine.Machines;

/// <summary>The rules a specification must keep, each with one message.</summary>
internal static class SpecRules
{
    private const long MiB = 1L << 20;

    // Below this no kernel unpacks itself; an image may ask for more.
    private const long LeastMemoryBytes = 32 * MiB;

    private const long LeastDiskBytes = 16 * MiB;

    /// <summary>A name nobody has chosen.</summary>
    public static string MakeName() => $"vm-{RandomNumberGenerator.GetHexString(6, lowercase: true)}";

    /// <summary>Checks all that can be checked without touching anything.</summary>
    public static void Check(VirtualMachineSpec spec, VmmCapabilities capabilities)
    {
        if (spec.Name is not null)
        {
            NameRule.Check(spec.Name, "VM");
        }

        if (spec.CpuCount < 1 || spec.CpuCount > capabilities.MaximumCpuCount)
        {
            throw Invalid(
                spec.CpuCount,
                Text($"CpuCount {spec.CpuCount} is not between 1 and {capabilities.MaximumCpuCount}."),
                Text($"This host has {Environment.ProcessorCount} CPUs."));
        }

        if (spec.MemoryBytes % MiB != 0)
        {
            throw Invalid(spec.MemoryBytes, Text($"MemoryBytes {spec.MemoryBytes} is not a whole number of MiB."), "Use a literal such as 256MB.");
        }

        CheckMemory(spec.MemoryBytes, LeastMemoryBytes, "a kernel");
        long host = HostMemory.TotalBytes;
        if (spec.MemoryBytes > host)
        {
            throw Invalid(
                spec.MemoryBytes,
                Text($"MemoryBytes {spec.MemoryBytes} ({spec.MemoryBytes / MiB} MiB) is more than the host's {host / MiB} MiB."),
                "Ask for less.");
        }

        if (spec.DiskBytes is { } disk and < LeastDiskBytes and not 0)
        {
            throw Invalid(disk, Text($"DiskBytes {disk} is less than {LeastDiskBytes / MiB} MiB."), "Use at least 16MB, or 0 for no disk.");
        }

        if (spec.InitPath is { } init && (!init.StartsWith('/') || !IsWord(init)))
        {
            throw Invalid(init, $"'{init}' is not an absolute path without blanks.", "Give the path in the guest's root file system, such as /sbin/init.");
        }

        foreach (string argument in spec.KernelArguments)
        {
            if (!IsWord(argument))
            {
                throw Invalid(argument ?? "", $"'{argument}' is not one word of a kernel command line.", "Give each word as its own argument, without spaces.");
            }
        }

        MachineLabels.CheckDescription(spec.Description);
        MachineLabels.CheckTags(spec.Tags);
        ConfigurationRules.Check(spec);
        NetworkRules.Check(spec);
    }

    /// <summary>Checks that what boots has the memory it needs.</summary>
    public static void CheckMemory(long bytes, long least, string what)
    {
        if (bytes < least)
        {
            throw Invalid(
                bytes, Text($"MemoryBytes {bytes} is below the {least / MiB} MiB that {what} needs."), Text($"Use at least {least / MiB}MB."));
        }
    }

    /// <summary>Checks that a file exists and gives its absolute path.</summary>
    public static string CheckFile(string path, string what) => File.Exists(path)
        ? Path.GetFullPath(path)
        : throw new MicroVmException(ErrorIds.FileNotFound, ErrorKind.NotFound, $"The {what} '{path}' does not exist.")
        {
            Target = path,
            RecommendedAction = "Check the path.",
        };

    /// <summary>Checks that what a VM boots still exists.</summary>
    public static void CheckFiles(BootSource boot)
    {
        CheckFile(boot.KernelPath, "kernel");
        if (boot.InitramfsPath is { } initramfs)
        {
            CheckFile(initramfs, "initramfs");
        }

        if (boot.RootDiskPath is { } root)
        {
            CheckFile(root, "root disk");
        }
    }

    private static bool IsWord(string? text) => !string.IsNullOrEmpty(text) && !text.Any(character => char.IsControl(character) || character == ' ');

    private static string Text(FormattableString text) => text.ToString(CultureInfo.InvariantCulture);

    private static MicroVmException Invalid(object target, string message, string advice) =>
        new(ErrorIds.InvalidMicroVmSpec, ErrorKind.InvalidArgument, message) { Target = target, RecommendedAction = advice };
}
