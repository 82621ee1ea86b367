using System.Globalization;
using System.Runtime.InteropServices;
using MicroVm.Engine;
using MicroVm.Engine.Vmm;
using MicroVm.Engine.Vmm.Qemu;

namespace MicroVm.Bench;

/// <summary>The machine the figures were taken on: without it they mean little.</summary>
internal sealed record Machine
{
    /// <summary>The processor's name.</summary>
    public required string Cpu { get; init; }

    /// <summary>How many of them this process may use.</summary>
    public required int Cores { get; init; }

    /// <summary>Memory in GiB.</summary>
    public required double MemoryGiB { get; init; }

    /// <summary>The kernel's release.</summary>
    public required string Kernel { get; init; }

    /// <summary>The file system that holds VMs and snapshots.</summary>
    public required string FileSystem { get; init; }

    /// <summary>The VMM's version.</summary>
    public required string Vmm { get; init; }

    /// <summary>How guest code was executed.</summary>
    public required string Accelerator { get; init; }

    /// <summary>The runtime.</summary>
    public required string Runtime { get; init; }

    /// <summary>PowerShell's version.</summary>
    public required string PowerShell { get; init; }

    /// <summary>When the run began.</summary>
    public required string Date { get; init; }

    /// <summary>The load average of the last minute, when the run began: what else was going on.</summary>
    public required string Load { get; init; }

    /// <summary>Asks the machine.</summary>
    public static Machine Describe(string home) => new()
    {
        Cpu = FieldOf("/proc/cpuinfo", "model name"),
        Cores = Environment.ProcessorCount,
        MemoryGiB = Math.Round(long.Parse(FieldOf("/proc/meminfo", "MemTotal").Split(' ')[0], CultureInfo.InvariantCulture) / 1048576.0, 1),
        Kernel = File.ReadAllText("/proc/sys/kernel/osrelease").Trim(),
        FileSystem = new DriveInfo(home).DriveFormat,
        Vmm = "QEMU " + new QemuDriver().ProbeVersionAsync(new QemuDriver().FindProgram(path: null), CancellationToken.None).GetAwaiter().GetResult(),
        Accelerator = Kvm.Choose(AcceleratorKind.Auto, NullObserver.Instance).ToString(),
        Runtime = RuntimeInformation.FrameworkDescription,
        PowerShell = Pwsh.Run("$PSVersionTable.PSVersion.ToString()").Trim(),
        Date = DateTimeOffset.Now.ToString("yyyy-MM-dd HH:mm zzz", CultureInfo.InvariantCulture),
        Load = File.ReadAllText("/proc/loadavg").Split(' ')[0],
    };

    private static string FieldOf(string file, string name) =>
        File.ReadLines(file).First(line => line.StartsWith(name, StringComparison.Ordinal)).Split(':', 2)[1].Trim();
}
