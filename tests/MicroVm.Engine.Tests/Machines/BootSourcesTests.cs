using MicroVm.Engine.Machines;
using MicroVm.Engine.State;
using MicroVm.Engine.Tests.Support;

namespace MicroVm.Engine.Tests.Machines;

public sealed class BootSourcesTests : IDisposable
{
    private readonly Scratch _scratch = new();

    private string Kernel => _scratch.File("kernel");

    public BootSourcesTests() => File.WriteAllText(Kernel, "");

    public void Dispose() => _scratch.Dispose();

    [Theory]
    [InlineData(KernelProfile.Default, "console=ttyS0 panic=-1 mine=1")]
    [InlineData(KernelProfile.Wrenn, "console=ttyS0 reboot=k panic=1 quiet loglevel=1 init_on_free=1 clocksource=kvm-clock mine=1")]
    [InlineData(KernelProfile.Kata, "console=ttyS0,115200n8 panic=1 no_timer_check noreplace-smp quiet mine=1")]
    public async Task Profile_comes_first_and_what_the_user_adds_last(KernelProfile profile, string line) =>
        Assert.Equal(line, Line(await ResolveAsync(new VirtualMachineSpec { KernelProfile = profile, KernelArguments = ["mine=1"] })));

    [Fact]
    public async Task Init_comes_before_what_the_user_adds() => Assert.Equal(
        "console=ttyS0 panic=-1 init=/sbin/tini mine=1",
        Line(await ResolveAsync(new VirtualMachineSpec { InitPath = "/sbin/tini", KernelArguments = ["mine=1"] })));

    [Theory]
    [InlineData(null, false, "root=/dev/vda ro")]
    [InlineData(16L << 20, false, "root=/dev/vdb ro")]
    [InlineData(null, true, "")]
    public async Task Kernel_without_an_initramfs_is_told_of_its_root(long? diskBytes, bool hasInitramfs, string words)
    {
        BootSource boot = await ResolveAsync(new VirtualMachineSpec
        {
            RootDiskPath = Kernel,
            InitramfsPath = hasInitramfs ? Kernel : null,
            DiskBytes = diskBytes,
        });

        Assert.Equal($"console=ttyS0 panic=-1 {words}".TrimEnd(), Line(boot));
    }

    [Fact]
    public async Task Guest_that_is_told_nothing_has_no_configuration_disk()
    {
        BootSource boot = await ResolveAsync(new VirtualMachineSpec());

        Assert.False(boot.HasConfigurationDisk);
        Assert.Null(boot.Hostname);
    }

    [Theory]
    [InlineData(null, "vm")]
    [InlineData("web.example.org", "web.example.org")]
    public async Task Configuration_disk_names_the_guest(string? asked, string given)
    {
        BootSource boot = await ResolveAsync(new VirtualMachineSpec { Hostname = asked, UserData = "#cloud-config\n" });

        Assert.True(boot.HasConfigurationDisk);
        Assert.Equal(given, boot.Hostname);
        Assert.Equal("console=ttyS0 panic=-1 microvm.config=1", Line(boot));
    }

    private static string Line(BootSource boot) => string.Join(' ', boot.KernelArguments);

    private async Task<BootSource> ResolveAsync(VirtualMachineSpec spec) => (await BootSources.ResolveAsync(
        new EngineContext(_scratch.Paths), spec with { KernelPath = Kernel }, "vm", [], NullObserver.Instance, CancellationToken.None)).Boot;
}
