using System.Reflection;
using System.Text.Json;
using MicroVm.Engine.Errors;
using MicroVm.Engine.Machines;
using MicroVm.Engine.Tests.Support;

namespace MicroVm.Engine.Tests.Machines;

public sealed class SpecJsonTests : IDisposable
{
    private readonly Scratch _scratch = new();

    private static VirtualMachineSpec Everything { get; } = new()
    {
        Name = "web",
        Description = "The shop.",
        Tags = new Dictionary<string, string> { ["role"] = "wäb" },
        Image = "other",
        KernelPath = "/k",
        InitramfsPath = "/i",
        RootDiskPath = "/r",
        KernelProfile = KernelProfile.Kata,
        InitPath = "/sbin/init",
        KernelArguments = ["a=1"],
        Hostname = "www",
        AuthorizedKeys = ["ssh-ed25519 AAAA me"],
        UserData = "#!/bin/sh\nexit 0",
        Hypervisor = HypervisorKind.Qemu,
        HypervisorPath = "/q",
        Accelerator = AcceleratorKind.Tcg,
        CpuCount = 3,
        MemoryBytes = 300L << 20,
        DiskBytes = 5L << 30,
        Interfaces =
        [
            new NetworkInterfaceSpec { Mode = NetworkMode.Nat },
            new NetworkInterfaceSpec { Mode = NetworkMode.Bridge, Name = "br0", MacAddress = "02:fc:00:12:34:56", IPAddress = "192.0.2.5/24", Gateway = "192.0.2.1" },
            new NetworkInterfaceSpec { Mode = NetworkMode.Tap, TapDevice = "tap0", NetworkNamespace = "/run/netns/shop" },
        ],
        PublishedPorts = [new PublishedPort("127.0.0.1", 8080, 80), new PublishedPort("::", 0, 53, PortProtocol.Udp)],
        Egress = new EgressPolicy(EgressBase.Open, [new EgressRule(false, PortProtocol.Tcp, "203.0.113.0/24", 25), new EgressRule(true, null, "2001:db8::/32", null)]),
        Ephemeral = true,
    };

    private string Path => _scratch.File("web.json");

    public void Dispose() => _scratch.Dispose();

    [Fact]
    public void Every_property_is_written_and_read()
    {
        foreach (PropertyInfo property in typeof(VirtualMachineSpec).GetProperties())
        {
            Assert.NotEqual(JsonSerializer.Serialize(property.GetValue(new VirtualMachineSpec())), JsonSerializer.Serialize(property.GetValue(Everything)));
        }

        SpecJson.WriteFile(Everything, Path);

        Assert.Equal(JsonSerializer.Serialize(Everything), JsonSerializer.Serialize(SpecJson.ReadFile(Path)));
        Assert.Equal(UnixFileMode.UserRead | UnixFileMode.UserWrite, File.GetUnixFileMode(Path));
    }

    [Fact]
    public void Version_alone_describes_a_VM_by_default()
    {
        File.WriteAllText(Path, "{ \"version\": 1 }");

        Assert.Equal(JsonSerializer.Serialize(new VirtualMachineSpec()), JsonSerializer.Serialize(SpecJson.ReadFile(Path)));
    }

    [Fact]
    public void What_people_write_is_read()
    {
        File.WriteAllText(Path, "\uFEFF{ // the shop\n \"version\": 1, \"tags\": { \"role\": \"web\", }, /* two */ \"cpuCount\": 2, }");

        VirtualMachineSpec spec = SpecJson.ReadFile(Path);

        Assert.Equal(2, spec.CpuCount);
        Assert.Equal("web", spec.Tags["role"]);
    }

    [Theory]
    [InlineData("../ns", true)]
    [InlineData("shop", false)]
    public void Path_of_a_network_namespace_begins_at_the_file_and_a_name_is_a_name(string given, bool isPath)
    {
        File.WriteAllText(Path, $"{{ \"version\": 1, \"interfaces\": [{{ \"mode\": \"Tap\", \"tapDevice\": \"tap0\", \"networkNamespace\": \"{given}\" }}] }}");

        Assert.Equal(isPath ? System.IO.Path.GetFullPath(given, _scratch.Path) : given, Assert.Single(SpecJson.ReadFile(Path).Interfaces).NetworkNamespace);
    }

    [Theory]
    [InlineData("{ \"version\": 1, \"cpuCount\": 1, \"cpuCount\": 2 }")]
    [InlineData("{ \"version\": 1, \"tags\": { \"a\": \"1\", \"a\": \"2\" } }")]
    [InlineData("{ \"version\": 1, \"userData\": \"\\ud800\" }")]
    [InlineData("")]
    [InlineData("[]")]
    [InlineData("{}")]
    [InlineData("{ \"version\": 0 }")]
    [InlineData("{ \"version\": 1, \"Name\": \"web\" }")]
    [InlineData("{ \"version\": 1, \"memoryBytes\": \"256MB\" }")]
    [InlineData("{ \"version\": 1, \"tags\": { \"a\": 1 } }")]
    [InlineData("{ \"version\": 1, \"accelerator\": \"Warp\" }")]
    [InlineData("{ \"version\": 1, \"interfaces\": \"Nat\" }")]
    [InlineData("{ \"version\": 1, \"interfaces\": [{}] }")]
    [InlineData("{ \"version\": 1, \"interfaces\": [{ \"mode\": \"Cloud\" }] }")]
    [InlineData("{ \"version\": 1, \"interfaces\": [{ \"mode\": \"Nat\", \"speed\": 9 }] }")]
    [InlineData("{ \"version\": 1, \"publish\": [\"eighty\"] }")]
    [InlineData("{ \"version\": 1, \"publish\": [80] }")]
    [InlineData("{ \"version\": 1, \"egressPolicy\": [\"Internet\", \"Open\"] }")]
    [InlineData("{ \"version\": 1, \"egressPolicy\": \"Internet\" }")]
    public void Other_files_are_refused(string content)
    {
        File.WriteAllText(Path, content);

        MicroVmException error = Assert.Throws<MicroVmException>(() => SpecJson.ReadFile(Path));

        Assert.Equal(ErrorIds.InvalidMicroVmSpec, error.ErrorId);
        Assert.Equal(Path, error.Target);
        Assert.NotNull(error.InnerException);
    }
}
