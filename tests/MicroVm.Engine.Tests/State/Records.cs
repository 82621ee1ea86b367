using MicroVm.Engine.Native;
using MicroVm.Engine.State;

namespace MicroVm.Engine.Tests.State;

/// <summary>Records for tests.</summary>
internal static class Records
{
    public static MachineRecord Stopped(Guid id, string name = "web") => new()
    {
        Version = MachineRecord.CurrentVersion,
        Id = id,
        Name = name,
        Description = "The shop.",
        Tags = MachineLabels.CheckTags(new Dictionary<string, string> { ["role"] = "wäb", ["Tier"] = "2" }),
        CreatedAt = new DateTimeOffset(2026, 11, 20, 12, 0, 0, TimeSpan.FromHours(1)),
        Hardware = new MachineHardware
        {
            Hypervisor = HypervisorKind.Qemu,
            Accelerator = AcceleratorKind.Auto,
            CpuCount = 2,
            MemoryBytes = 256L << 20,
            DiskBytes = 8L << 30,
        },
        Boot = new BootSource
        {
            Image = "base",
            KernelPath = "/images/base/kernel",
            KernelArguments = ["quiet", "päng=\"1\""],
            ReadyMarker = "ready",
            Hostname = "www",
            HasConfigurationDisk = true,
        },
        State = VmState.Stopped,
        OverlayDisk = "overlay.raw",
    };

    public static MachineRecord Running(Guid id, ProcessIdentity process) => Stopped(id) with
    {
        State = VmState.Running,
        Run = new MachineRun
        {
            RunDirectory = "/run/microvm/0123456789ab",
            Process = process,
            HypervisorVersion = "7.2.22",
            Accelerator = AcceleratorKind.Tcg,
            StartedAt = DateTimeOffset.Now,
            SerialLogOffset = 17,
            VmmLogOffset = 5,
            ReadyAtStart = true,
            DueFixups = new DueFixups { WorkloadFrozen = true, AgentAnswered = true, NewIdentity = true, RenewSshHostKeys = true },
            Fixups = [new GuestFixup { Name = GuestFixup.Clock, Result = FixupResult.Unprotected, Duration = TimeSpan.FromMilliseconds(1.5), Detail = "Was late." }],
        },
    };
}
