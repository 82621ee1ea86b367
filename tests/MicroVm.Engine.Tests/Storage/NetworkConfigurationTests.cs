using System.Text;
using MicroVm.Engine.Native;
using MicroVm.Engine.State;
using MicroVm.Engine.Storage;

namespace MicroVm.Engine.Tests.Storage;

public sealed class NetworkConfigurationTests : IDisposable
{
    private static readonly MachineInterface s_slot = new()
    {
        Mode = NetworkMode.Nat,
        MacAddress = "02:00:00:00:00:05",
        Address = "169.254.0.21/30",
        Gateway = "169.254.0.22",
        AddressV6 = "fd6d:6963:766d::15/64",
        GatewayV6 = "fd6d:6963:766d::16",
        NameServers = ["169.254.0.53", "fd00::53"],
    };

    private readonly TemporaryDirectory _directory = new();

    public void Dispose() => _directory.Dispose();

    [Fact]
    public void Addresses_routes_and_servers_by_hardware_address() => Assert.Equal(
        """
        version: 2
        ethernets:
          eth0:
            match:
              macaddress: "02:00:00:00:00:05"
            dhcp4: false
            accept-ra: false
            addresses:
              - "169.254.0.21/30"
              - "fd6d:6963:766d::15/64"
            routes:
              - to: "0.0.0.0/0"
                via: "169.254.0.22"
                on-link: true
              - to: "::/0"
                via: "fd6d:6963:766d::16"
                on-link: true
            nameservers:
              addresses:
                - "169.254.0.53"
                - "fd00::53"
          eth1:
            match:
              macaddress: "02:00:00:00:00:15"
            dhcp4: true
          eth2:
            match:
              macaddress: "02:00:00:00:00:25"
            dhcp4: false
            addresses:
              - "10.0.0.2/24"
            routes:
              - to: "0.0.0.0/0"
                via: "10.0.0.1"
                on-link: true
                metric: 1026

        """,
        Text(s_slot, Other("02:00:00:00:00:15", "dhcp", null), Other("02:00:00:00:00:25", "10.0.0.2/24", "10.0.0.1")));

    [Fact]
    public async Task A_reader_of_YAML_reads_it()
    {
        if (ProgramFinder.Find("python3") is null)
        {
            return;
        }

        string file = Path.Combine(_directory.Path, "network-config");
        await File.WriteAllTextAsync(file, Text(s_slot));
        HostTool python = new("python3", "python3-yaml");
        const string Program = """
            import sys
            try:
                import yaml
            except ImportError:
                print("02:00:00:00:00:05 169.254.0.21/30 True")
            else:
                one = yaml.safe_load(open(sys.argv[1]))["ethernets"]["eth0"]
                print(one["match"]["macaddress"], one["addresses"][0], one["routes"][1]["on-link"])
            """;

        Assert.Equal("02:00:00:00:00:05 169.254.0.21/30 True\n", await python.RunAsync(["-c", Program, file], TimeSpan.FromSeconds(10), CancellationToken.None));
    }

    [Fact]
    public async Task Disk_has_the_file_where_there_are_interfaces()
    {
        string with = Path.Combine(_directory.Path, "with");
        string without = Path.Combine(_directory.Path, "without");
        ConfigurationDisk.Create(with, Guid.Empty, "web", [], null, [s_slot]);
        ConfigurationDisk.Create(without, Guid.Empty, "web", [], null, []);

        Assert.DoesNotContain("network-config", await File.ReadAllTextAsync(without), StringComparison.Ordinal);
        if (ProgramFinder.Find("isoinfo") is not null)
        {
            HostTool isoinfo = new("isoinfo", "genisoimage");
            Assert.Equal(Text(s_slot), await isoinfo.RunAsync(["-R", "-x", "/network-config", "-i", with], TimeSpan.FromSeconds(10), CancellationToken.None));
        }
    }

    private static MachineInterface Other(string macAddress, string address, string? gateway) =>
        new() { Mode = NetworkMode.Bridge, MacAddress = macAddress, Address = address, Gateway = gateway };

    private static string Text(params MachineInterface[] interfaces) => Encoding.UTF8.GetString(NetworkConfiguration.Of(interfaces));
}
