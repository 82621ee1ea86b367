using System.Globalization;
using System.Text;
using Microsoft.Win32.SafeHandles;
using MicroVm.Engine.Errors;
using MicroVm.Engine.Isolation;
using MicroVm.Engine.Keeper;
using MicroVm.Engine.Machines;
using MicroVm.Engine.Native;
using MicroVm.Engine.State;
using MicroVm.Engine.Vmm;

namespace MicroVm.Engine.Hosts;

/// <summary>Looks at what the engine needs of the host. Nothing is changed but for a probe file that is removed again.</summary>
internal static class HostChecks
{
    private const long GiB = 1L << 30;
    private const string LongestSocketName = "/000000000000/serial.sock";

    /// <summary>All checks, made as they are asked for.</summary>
    public static IEnumerable<HostCheck> All(EngineContext context, KeeperStarter keeper)
    {
        yield return Hypervisor(context);
        yield return KvmDevice();
        yield return Isolated();
        yield return SocketPath(context.Paths);
        yield return DataDirectory(context.Paths);
        yield return DiskTool();
        yield return ImageTools(context);
        yield return Memory();
        foreach (HostCheck check in NetworkChecks.All(context.HostNetwork))
        {
            yield return check;
        }

        yield return KeeperCheck.Make(context, keeper);
    }

    private static HostCheck Hypervisor(EngineContext context)
    {
        IVmmDriver driver = context.DriverOf(HypervisorKind.Auto);
        try
        {
            string version = VmmVersions.GetAsync(context, driver, path: null, CancellationToken.None).GetAwaiter().GetResult();
            return VmmVersions.IsSupported(driver, version)
                ? Ok("Qemu", $"QEMU {version} at {driver.FindProgram(path: null)}.")
                : Failed("Qemu", $"QEMU {version} is older than {driver.Capabilities.MinimumVersion}.", $"Install QEMU {driver.Capabilities.MinimumVersion} or later.");
        }
        catch (MicroVmException exception)
        {
            return Failed("Qemu", exception.Message, exception.RecommendedAction);
        }
    }

    private static HostCheck KvmDevice()
    {
        if (Kvm.OpenFailure() is { } failure)
        {
            return Warning("Kvm", $"{failure.Message} VMs run translated (TCG), slower.", Kvm.Advice);
        }

        return Kvm.HasHardware
            ? Ok("Kvm", "/dev/kvm opens and the CPU has hardware virtualisation.")
            : Warning(
                "Kvm",
                "/dev/kvm opens, but the CPU shows neither vmx nor svm: it is software-backed, and ordinary kernels may hang on it. VMs run translated (TCG).",
                "Enable (nested) virtualisation on the machine below this one.");
    }

    private static HostCheck Isolated() => Launcher.CanIsolate
        ? Ok("Isolation", "VMMs run in mount, network and IPC namespaces of their own.")
        : Warning("Isolation", "Only root can give VMMs namespaces of their own; here they run as plain processes.", "Run pwsh as root: sudo pwsh");

    private static HostCheck SocketPath(MicroVmPaths paths)
    {
        int bytes = Encoding.UTF8.GetByteCount(paths.RunDirectory + LongestSocketName);
        return bytes <= UnixListener.LongestPathBytes
            ? Ok("RunDirectory", $"{paths.RunDirectory}: socket paths have {bytes} of at most {UnixListener.LongestPathBytes} bytes.")
            : Failed(
                "RunDirectory",
                $"{paths.RunDirectory}: socket paths would have {bytes} bytes, and the kernel allows {UnixListener.LongestPathBytes}.",
                "Set MICROVM_HOME (or XDG_RUNTIME_DIR) to a shorter path.");
    }

    private static HostCheck DataDirectory(MicroVmPaths paths)
    {
        const string Name = "DataDirectory";
        try
        {
            MachineStore.MakeDirectory(paths.DataDirectory);
            long free = new DriveInfo(paths.DataDirectory).AvailableFreeSpace;
            string detail = string.Create(
                CultureInfo.InvariantCulture,
                $"{paths.DataDirectory}: {free / (double)GiB:0.0} GiB free, disks are copied {(CanReflink(paths.DataDirectory) ? "by reference (reflink)" : "sparsely (no reflink)")}.");
            return free >= GiB ? Ok(Name, detail) : Warning(Name, detail, "Free space, or move the data with MICROVM_HOME.");
        }
        catch (Exception exception) when (exception is IOException or UnauthorizedAccessException)
        {
            return Failed(Name, exception.Message, "Make the directory writable, or set MICROVM_HOME.");
        }
    }

    private static bool CanReflink(string directory)
    {
        string source = Path.Combine(directory, OwnedName.Of($"reflink-{Guid.NewGuid():N}") + AtomicFile.TemporaryExtension);
        string copy = Path.Combine(directory, OwnedName.Of($"reflink-{Guid.NewGuid():N}") + AtomicFile.TemporaryExtension);
        try
        {
            File.WriteAllText(source, "probe");
            using SafeFileHandle from = File.OpenHandle(source);
            using SafeFileHandle to = File.OpenHandle(copy, FileMode.CreateNew, FileAccess.ReadWrite);
            return FileCopy.TryReflink(from, to);
        }
        finally
        {
            File.Delete(source);
            File.Delete(copy);
        }
    }

    private static HostCheck DiskTool() => ProgramFinder.Find("mke2fs") is { } path
        ? Ok("DiskTool", $"{path} makes the template of VM disks.")
        : Failed("DiskTool", "mke2fs is not installed: VMs cannot have disks.", "sudo apt-get install e2fsprogs");

    private static HostCheck ImageTools(EngineContext context)
    {
        const string Name = "Images";
        int count = context.Images.List().Count();
        string[] missing = [.. new[] { "apt-get", "dpkg-deb" }.Where(tool => ProgramFinder.Find(tool) is null)];
        return (count, missing.Length) switch
        {
            ( > 0, _) => Ok(Name, $"{count} installed."),
            (_, 0) => Ok(Name, "None installed yet; the default image is made on first use."),
            _ => Warning(Name, $"None installed, and {string.Join(", ", missing)} to make the default one is missing.", "Boot a kernel of your own: New-MicroVm -KernelPath <file>"),
        };
    }

    private static HostCheck Memory()
    {
        long available = HostMemory.AvailableBytes;
        string detail = string.Create(CultureInfo.InvariantCulture, $"{available / (double)GiB:0.0} of {HostMemory.TotalBytes / (double)GiB:0.0} GiB available.");
        return available >= GiB / 2 ? Ok("Memory", detail) : Warning("Memory", detail, "Stop VMs or other programs.");
    }

    private static HostCheck Ok(string name, string detail) => new() { Name = name, Status = HostCheckStatus.Ok, Detail = detail };

    private static HostCheck Warning(string name, string detail, string? fix) =>
        new() { Name = name, Status = HostCheckStatus.Warning, Detail = detail, Fix = fix };

    private static HostCheck Failed(string name, string detail, string? fix) =>
        new() { Name = name, Status = HostCheckStatus.Failed, Detail = detail, Fix = fix };
}
