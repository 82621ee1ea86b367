using MicroVm.Engine;
using MicroVm.Engine.State;

namespace MicroVm.Bench.Figures;

/// <summary>Listing many VMs, against reading as many files.</summary>
internal static class ListFigure
{
    private const int Machines = 1000;
    private const double TargetRatio = 3;

    /// <summary>Takes the figure.</summary>
    public static Figure Take(Workshop workshop)
    {
        string home = Path.Combine(workshop.Options.Home, "many");
        if (Directory.Exists(home))
        {
            Directory.Delete(home, recursive: true);
        }

        MicroVmPaths paths = new(Path.Combine(home, "run"), Path.Combine(home, "data"));
        MachineStore store = new(paths);
        NameClaims names = new(store);
        for (int i = 0; i < Machines; i++)
        {
            MachineRecord record = RecordOf(i);
            MachineStore.MakeDirectory(store.DirectoryOf(record.Id));
            names.Claim(record.Name, record.Id);
            store.Write(record);
        }

        int rounds = workshop.Options.Samples(30);
        double[] samples = Pwsh.RunScript("List.ps1", [workshop.Module, $"{rounds}"], ("MICROVM_HOME", home));
        Directory.Delete(home, recursive: true);
        Series listing = new("Get-MicroVm", [.. samples.Where((_, i) => i % 2 == 0).Skip(1)]);
        Series reading = new("foreach … [IO.File]::ReadAllText", [.. samples.Where((_, i) => i % 2 == 1).Skip(1)], IsBaseline: true);
        return new Figure(
            "list",
            "List 1,000 VMs",
            "In one pwsh, in turn: Get-MicroVm over the records of 1,000 stopped VMs, and a loop that only reads the same 1,000 files, whose paths it "
            + "was given.",
            [listing, reading],
            [
                Verdict.AtMost("Get-MicroVm against the loop", listing.Median / reading.Median, TargetRatio),
                Verdict.Time("the first Get-MicroVm in that pwsh", samples[0]),
            ]);
    }

    private static MachineRecord RecordOf(int i) => new()
    {
        Version = MachineRecord.CurrentVersion,
        Id = Guid.NewGuid(),
        Name = $"vm-{i}",
        CreatedAt = DateTimeOffset.Now,
        Hardware = new MachineHardware
        {
            Hypervisor = HypervisorKind.Qemu,
            Accelerator = AcceleratorKind.Auto,
            CpuCount = 1,
            MemoryBytes = 256L << 20,
            DiskBytes = 8L << 30,
        },
        Boot = new BootSource
        {
            Image = "base",
            ImageDigest = "sha256:" + new string('0', 64),
            KernelPath = "/var/lib/microvm/images/base/kernel",
            InitramfsPath = "/var/lib/microvm/images/base/initramfs",
            KernelArguments = ["console=ttyS0", "quiet", "panic=-1", "microvm.overlay=1"],
            ReadyMarker = "microvm: guest ready",
        },
        State = VmState.Stopped,
        OverlayDisk = "overlay.raw",
    };
}
