using MicroVm.Engine.Errors;
using MicroVm.Engine.Machines;
using MicroVm.Engine.Native;
using MicroVm.Engine.State;
using MicroVm.Engine.Tests.Support;
using MicroVm.Engine.Vmm;

namespace MicroVm.Engine.Tests.Machines;

public sealed class SpecRulesTests
{
    private const long MiB = 1L << 20;

    private static readonly VmmCapabilities s_capabilities = new() { MinimumVersion = new Version(7, 2), MaximumCpuCount = 255, CanHotPlugInterfaces = true };

    public static TheoryData<string> BadNames =>
        ["", " ", "-a", "../x", "a/b", ";rm", "$(id)", "a\n", "a\tb", "ä", new string('a', 64), new string('a', 100_000)];

    [Fact]
    public void Defaults_keep_the_rules() => Check(new VirtualMachineSpec());

    [Fact]
    public void Names_made_up_are_names() =>
        Assert.All(Enumerable.Range(0, 100), _ => Assert.True(NameRule.IsValid(SpecRules.MakeName())));

    [Theory]
    [MemberData(nameof(BadNames))]
    public void Bad_name(string name) => AssertInvalid(new VirtualMachineSpec { Name = name }, "is not a name for a VM");

    [Theory]
    [InlineData(0)]
    [InlineData(-1)]
    [InlineData(256)]
    [InlineData(int.MinValue)]
    [InlineData(int.MaxValue)]
    public void Bad_CpuCount(int count) => AssertInvalid(new VirtualMachineSpec { CpuCount = count }, $"CpuCount {count} is not between 1 and 255.");

    [Theory]
    [InlineData(1)]
    [InlineData(255)]
    public void Good_CpuCount(int count) => Check(new VirtualMachineSpec { CpuCount = count });

    [Theory]
    [InlineData(128 * MiB + 1)]
    [InlineData(-1)]
    [InlineData(long.MaxValue)]
    public void Memory_that_is_no_multiple_of_MiB(long bytes) =>
        AssertInvalid(new VirtualMachineSpec { MemoryBytes = bytes }, $"MemoryBytes {bytes} is not a whole number of MiB.");

    [Theory]
    [InlineData(0)]
    [InlineData(31 * MiB)]
    [InlineData(-256 * MiB)]
    public void Memory_too_small(long bytes) => AssertInvalid(new VirtualMachineSpec { MemoryBytes = bytes }, "is below the 32 MiB");

    [Fact]
    public void Memory_above_the_hosts() =>
        AssertInvalid(new VirtualMachineSpec { MemoryBytes = (HostMemory.TotalBytes / MiB * MiB) + MiB }, "more than the host's");

    [Theory]
    [InlineData(1)]
    [InlineData(-1)]
    [InlineData(16 * MiB - 1)]
    [InlineData(long.MinValue)]
    public void Disk_too_small(long bytes) => AssertInvalid(new VirtualMachineSpec { DiskBytes = bytes }, $"DiskBytes {bytes} is less than 16 MiB.");

    [Theory]
    [InlineData(null)]
    [InlineData(0L)]
    [InlineData(16 * MiB)]
    public void Good_disk(long? bytes) => Check(new VirtualMachineSpec { DiskBytes = bytes });

    [Theory]
    [InlineData(null)]
    [InlineData("")]
    [InlineData("two words")]
    [InlineData("a\nb")]
    [InlineData("a\0")]
    [InlineData("\u0085")]
    public void Bad_kernel_argument(string? argument) =>
        AssertInvalid(new VirtualMachineSpec { KernelArguments = ["quiet", argument!] }, "is not one word of a kernel command line");

    [Theory]
    [InlineData("")]
    [InlineData("sbin/init")]
    [InlineData("/sbin/my init")]
    [InlineData("/sbin/init\n")]
    public void Bad_init_path(string path) => AssertInvalid(new VirtualMachineSpec { InitPath = path }, "is not an absolute path without blanks");

    [Fact]
    public void What_a_guest_is_told_is_checked_too() => AssertInvalid(new VirtualMachineSpec { Hostname = "a_b" }, "is not a host name");

    [Fact]
    public void Image_may_need_more_memory()
    {
        MicroVmException error = Assert.Throws<MicroVmException>(() => SpecRules.CheckMemory(64 * MiB, 128 * MiB, "image 'base'"));

        Assert.Equal(ErrorIds.InvalidMicroVmSpec, error.ErrorId);
        Assert.Contains("128 MiB that image 'base' needs", error.Message, StringComparison.Ordinal);
    }

    [Fact]
    public void Missing_file_is_named()
    {
        MicroVmException error = Assert.Throws<MicroVmException>(() => SpecRules.CheckFile("/nowhere/vmlinux", "kernel"));

        Assert.Equal(ErrorIds.FileNotFound, error.ErrorId);
        Assert.Equal("The kernel '/nowhere/vmlinux' does not exist.", error.Message);
    }

    [Fact]
    public void Existing_file_becomes_absolute()
    {
        using Scratch scratch = new();
        File.WriteAllText(scratch.File("kernel"), "");

        Assert.Equal(scratch.File("kernel"), SpecRules.CheckFile(scratch.File("x/../kernel"), "kernel"));
    }

    private static void Check(VirtualMachineSpec spec) => SpecRules.Check(spec, s_capabilities);

    private static void AssertInvalid(VirtualMachineSpec spec, string words)
    {
        MicroVmException error = Assert.Throws<MicroVmException>(() => Check(spec));
        Assert.Equal(ErrorIds.InvalidMicroVmSpec, error.ErrorId);
        Assert.Equal(ErrorKind.InvalidArgument, error.Kind);
        Assert.Contains(words, error.Message, StringComparison.Ordinal);
        Assert.NotNull(error.Target);
        Assert.NotNull(error.RecommendedAction);
    }
}
