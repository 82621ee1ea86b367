using Microsoft.Win32.SafeHandles;
using MicroVm.Engine.Tests.Support;
using MicroVm.Engine.Vmm;
using MicroVm.Engine.Vmm.Qemu;

namespace MicroVm.Engine.Tests.Vmm;

public sealed class QemuLaunchTests : IDisposable
{
    private readonly Scratch _scratch = new();
    private readonly SafeFileHandle _one = File.OpenHandle("/dev/zero");
    private readonly SafeFileHandle _two = File.OpenHandle("/dev/null");

    public void Dispose()
    {
        _one.Dispose();
        _two.Dispose();
        _scratch.Dispose();
    }

    [Fact]
    public void Interfaces_follow_the_memory_in_their_order()
    {
        VmmInterface[] interfaces =
        [
            new(_one, VmmInterfaceKind.Tap, "02:fc:00:00:00:05"),
            new(_two, VmmInterfaceKind.Stream, "02:fc:00:00:00:15", LinkUp: false),
        ];
        using VmmCommand command = QemuLaunch.Compose("/bin/qemu", Machine(AcceleratorKind.Tcg) with { Interfaces = interfaces });

        string line = string.Join(' ', command.Arguments);
        Assert.Contains("-netdev tap,id=net0,fd=6 -device virtio-net-pci,netdev=net0,mac=02:fc:00:00:00:05,romfile= ", line, StringComparison.Ordinal);
        Assert.EndsWith(
            " -netdev stream,id=net1,server=off,addr.type=fd,addr.str=7 -device virtio-net-pci,netdev=net1,mac=02:fc:00:00:00:15,romfile=", line, StringComparison.Ordinal);
        Assert.Equal(8, command.Descriptors.Count);
        Assert.Equal(_one.DangerousGetHandle(), command.Descriptors[VmmDescriptors.FirstInterface].DangerousGetHandle());
        Assert.Equal(_two.DangerousGetHandle(), command.Descriptors[VmmDescriptors.FirstInterface + 1].DangerousGetHandle());
    }

    [Fact]
    public void Callers_handles_stay_open()
    {
        QemuLaunch.Compose("/bin/qemu", Machine(AcceleratorKind.Tcg) with { Interfaces = [new(_one, VmmInterfaceKind.Tap, "02:fc:00:00:00:05")] }).Dispose();

        Assert.False(_one.IsClosed);
        Assert.Equal(1, RandomAccess.Read(_one, new byte[1], 0));
    }

    [Theory]
    [InlineData(true)]
    [InlineData(false)]
    public void Kernel_moves_the_frames_of_a_TAP_where_it_can(bool isTap)
    {
        VmmInterfaceKind kind = isTap ? VmmInterfaceKind.Tap : VmmInterfaceKind.Stream;
        using VmmCommand command = QemuLaunch.Compose("/bin/qemu", Machine(AcceleratorKind.Kvm) with { Interfaces = [new(_one, kind, "02:fc:00:00:00:05")] });

        bool expected = isTap && File.Exists("/dev/vhost-net");
        Assert.Equal(expected, command.Arguments.Any(argument => argument.EndsWith(",fd=6,vhost=on,vhostfd=7", StringComparison.Ordinal)));
        Assert.Equal(expected ? 8 : 7, command.Descriptors.Count);
    }

    [Fact]
    public void Machine_without_interfaces_has_no_network_device()
    {
        using VmmCommand command = QemuLaunch.Compose("/bin/qemu", Machine(AcceleratorKind.Tcg));

        Assert.DoesNotContain(command.Arguments, argument => argument.Contains("net", StringComparison.Ordinal) && argument.StartsWith('-'));
        Assert.Equal(VmmDescriptors.FirstInterface, command.Descriptors.Count);
    }

    private VmmMachine Machine(AcceleratorKind accelerator) => new()
    {
        Id = Guid.NewGuid(),
        Name = "web",
        Program = "/bin/qemu",
        Accelerator = accelerator,
        CpuCount = 1,
        MemoryBytes = 64 << 20,
        Memory = _two,
        MemoryIsShared = true,
        KernelPath = "/kernel",
        KernelCommandLine = "quiet",
        Disks = [],
        RunDirectory = _scratch.Path,
        SerialLogPath = _scratch.File("serial.log"),
        VmmLogPath = _scratch.File("vmm.log"),
    };
}
