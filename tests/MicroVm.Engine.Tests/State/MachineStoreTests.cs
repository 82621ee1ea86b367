using System.Text.Json;
using System.Text.Json.Nodes;
using MicroVm.Engine.Errors;
using MicroVm.Engine.Native;
using MicroVm.Engine.State;
using MicroVm.Engine.Tests.Support;

namespace MicroVm.Engine.Tests.State;

public sealed class MachineStoreTests : IDisposable
{
    private readonly Scratch _scratch = new();
    private readonly MachineStore _store;
    private readonly Guid _id = Guid.NewGuid();

    public MachineStoreTests()
    {
        _store = new MachineStore(_scratch.Paths);
        MachineStore.MakeDirectory(_store.DirectoryOf(_id));
    }

    private string RecordPath => Path.Combine(_store.DirectoryOf(_id), MachineStore.RecordFile);

    public void Dispose() => _scratch.Dispose();

    [Fact]
    public void Record_is_read_as_it_was_written()
    {
        MachineRecord record = Records.Running(_id, ProcessIdentity.Self);

        _store.Write(record);

        Assert.Equal(JsonSerializer.Serialize(record), JsonSerializer.Serialize(_store.Read(_id)));
        Assert.Equal(UnixFileMode.UserRead | UnixFileMode.UserWrite, File.GetUnixFileMode(RecordPath));
    }

    [Fact]
    public void Networks_are_read_as_they_were_written()
    {
        MachineRecord record = Records.Running(_id, ProcessIdentity.Self);
        MachineInterface slot = new()
        {
            Mode = NetworkMode.Named,
            Name = "lan",
            MacAddress = "02:fc:00:00:00:05",
            Address = "169.254.0.21/30",
            Gateway = "169.254.0.22",
            AddressV6 = "fd6d:6963:766d::15/64",
            GatewayV6 = "fd6d:6963:766d::16",
            NameServers = ["169.254.0.53", "169.254.0.54"],
        };
        MachineInterface tap = new() { Mode = NetworkMode.Tap, TapDevice = "tap0", NetworkNamespace = "/run/netns/shop", MacAddress = "02:fc:00:12:34:56" };
        record = record with
        {
            Hardware = record.Hardware with { Interfaces = [slot, tap] },
            Network = new MachineNetwork
            {
                Slots = [7, null],
                PublishedPorts = [new PublishedPort("127.0.0.1", 8080, 80), new PublishedPort("2001:db8::1", 53, 53, PortProtocol.Udp)],
                Egress = new EgressPolicy(EgressBase.Open, [new EgressRule(true, PortProtocol.Udp, "2001:db8::/32", 53), new EgressRule(false, null, "203.0.113.0/24", null)]),
            },
            Run = record.Run! with { Links = ["mvm01234567", ""] },
        };

        _store.Write(record);

        MachineRecord read = _store.Read(_id)!;
        Assert.Equal(JsonSerializer.Serialize(record), JsonSerializer.Serialize(read));
        Assert.Equal(record.Network.Egress, read.Network!.Egress);
    }

    [Fact]
    public void Record_from_before_there_were_networks_is_read()
    {
        _store.Write(Records.Stopped(_id));

        Assert.DoesNotContain("interfaces", File.ReadAllText(RecordPath), StringComparison.Ordinal);
        MachineRecord read = _store.Read(_id)!;
        Assert.Empty(read.Hardware.Interfaces);
        Assert.Null(read.Network);
    }

    [Theory]
    [InlineData("\"mode\": \"Nat\"", "\"mode\": \"Cloud\"")]
    [InlineData("127.0.0.1:8080:80/tcp", "eighty")]
    [InlineData("\"egress\": \"Internet\"", "\"egress\": \"Moon\"")]
    public void Network_that_makes_no_sense_is_StateCorrupt(string good, string bad)
    {
        MachineRecord record = Records.Stopped(_id);
        _store.Write(record with
        {
            Hardware = record.Hardware with { Interfaces = [new MachineInterface { Mode = NetworkMode.Nat, MacAddress = "02:fc:00:00:00:05" }] },
            Network = new MachineNetwork { Slots = [1], PublishedPorts = [new PublishedPort("127.0.0.1", 8080, 80)] },
        });
        string json = File.ReadAllText(RecordPath);
        Assert.Contains(good, json, StringComparison.Ordinal);
        File.WriteAllText(RecordPath, json.Replace(good, bad, StringComparison.Ordinal));

        Assert.Equal(ErrorIds.StateCorrupt, Assert.Throws<MicroVmException>(() => _store.Read(_id)).ErrorId);
    }

    [Fact]
    public void Record_of_an_earlier_version_knows_no_configuration_disk()
    {
        _store.Write(Records.Stopped(_id));
        JsonNode json = JsonNode.Parse(File.ReadAllText(RecordPath))!;
        Assert.True(json["boot"]!.AsObject().Remove("hostname"));
        Assert.True(json["boot"]!.AsObject().Remove("hasConfigurationDisk"));
        File.WriteAllText(RecordPath, json.ToJsonString());

        BootSource boot = _store.Read(_id)!.Boot;

        Assert.Null(boot.Hostname);
        Assert.False(boot.HasConfigurationDisk);
    }

    [Fact]
    public void Record_from_before_there_were_tags_is_read()
    {
        _store.Write(Records.Stopped(_id));
        Assert.Equal("wäb", _store.Read(_id)!.Tags["ROLE"]);
        JsonObject old = JsonNode.Parse(File.ReadAllBytes(RecordPath))!.AsObject();
        Assert.True(old.Remove("tags"));
        Assert.True(old.Remove("description"));
        File.WriteAllText(RecordPath, old.ToJsonString());

        MachineRecord read = _store.Read(_id)!;

        Assert.Empty(read.Tags);
        Assert.Null(read.Description);
    }

    [Fact]
    public void Record_from_before_there_were_fixups_is_read()
    {
        _store.Write(Records.Running(_id, ProcessIdentity.Self));
        JsonObject old = JsonNode.Parse(File.ReadAllBytes(RecordPath))!.AsObject();
        JsonObject run = old["run"]!.AsObject();
        Assert.True(run.Remove("dueFixups"));
        Assert.True(run.Remove("fixups"));
        File.WriteAllText(RecordPath, old.ToJsonString());

        MachineRun read = _store.Read(_id)!.Run!;

        Assert.Null(read.DueFixups);
        Assert.Empty(read.Fixups);
    }

    [Fact]
    public void Directories_are_their_owners_alone() => Assert.All(
        [_store.DirectoryOf(_id), _scratch.Paths.MachinesDirectory, _scratch.Paths.DataDirectory],
        path => Assert.Equal(UnixFileMode.UserRead | UnixFileMode.UserWrite | UnixFileMode.UserExecute, File.GetUnixFileMode(path)));

    [Fact]
    public void Absent_record_is_null()
    {
        Assert.Null(_store.Read(_id));
        Assert.Null(_store.Read(Guid.NewGuid()));
    }

    [Theory]
    [InlineData("")]
    [InlineData("{")]
    [InlineData("null")]
    [InlineData("[]")]
    [InlineData("{}")]
    [InlineData("\0\0\0\0")]
    public void Damage_is_StateCorrupt(string content)
    {
        File.WriteAllText(RecordPath, content);

        AssertCorrupt();
    }

    [Theory]
    [InlineData("version", "2")]
    [InlineData("version", "0")]
    [InlineData("id", "\"6f9619ff-8b86-d011-b42d-00c04fc964ff\"")]
    [InlineData("id", "\"no id\"")]
    [InlineData("state", "\"Dancing\"")]
    [InlineData("name", "null")]
    [InlineData("hardware", "null")]
    [InlineData("hardware", "{}")]
    [InlineData("boot", "null")]
    [InlineData("run", "{}")]
    [InlineData("run", "\"text\"")]
    public void Wrong_member_is_StateCorrupt(string member, string value)
    {
        _store.Write(Records.Stopped(_id));
        JsonNode record = JsonNode.Parse(File.ReadAllBytes(RecordPath))!;
        record[member] = JsonNode.Parse(value);
        File.WriteAllText(RecordPath, record.ToJsonString());

        AssertCorrupt();
    }

    [Fact]
    public void Truncation_anywhere_is_StateCorrupt()
    {
        _store.Write(Records.Running(_id, ProcessIdentity.Self));
        byte[] whole = File.ReadAllBytes(RecordPath);
        for (int length = 0; length < whole.Length; length++)
        {
            File.WriteAllBytes(RecordPath, whole[..length]);
            AssertCorrupt();
        }
    }

    [Fact]
    public void Bytes_that_are_no_text_are_StateCorrupt()
    {
        _store.Write(Records.Stopped(_id) with { Description = "~" });
        byte[] record = File.ReadAllBytes(RecordPath);
        record[Array.IndexOf(record, (byte)'~')] = 0xFF;
        File.WriteAllBytes(RecordPath, record);

        AssertCorrupt();
    }

    [Fact]
    public void Record_that_is_a_directory_is_StateCorrupt()
    {
        Directory.CreateDirectory(RecordPath);

        AssertCorrupt();
    }

    [Fact]
    public void Ids_are_those_of_well_named_directories()
    {
        Directory.CreateDirectory(Path.Combine(_scratch.Paths.MachinesDirectory, "lost+found"));
        Directory.CreateDirectory(Path.Combine(_scratch.Paths.MachinesDirectory, Guid.NewGuid().ToString("D")));
        File.WriteAllText(Path.Combine(_scratch.Paths.MachinesDirectory, Guid.NewGuid().ToString("N")), "");

        Assert.Equal([_id], _store.Ids());
    }

    [Fact]
    public void No_directory_means_no_ids() => Assert.Empty(new MachineStore(new MicroVmPaths("/nowhere/run", "/nowhere/data")).Ids());

    [Fact]
    public void Exit_belongs_to_one_process()
    {
        ProcessIdentity process = new(4711, 12345, "boot");
        _store.WriteExit(_id, new ExitRecord(process, new ProcessExit(3, null), DateTimeOffset.Now));

        Assert.Equal(3, _store.ReadExit(_id, process)!.Exit.Code);
        Assert.Null(_store.ReadExit(_id, process with { StartTicks = 12346 }));
    }

    [Fact]
    public void Exit_that_may_not_be_written_is_dropped()
    {
        Directory.CreateDirectory(Path.Combine(_store.DirectoryOf(_id), "exit.json"));

        _store.WriteExit(_id, new ExitRecord(ProcessIdentity.Self, new ProcessExit(0, null), DateTimeOffset.Now));

        Assert.Null(_store.ReadExit(_id, ProcessIdentity.Self));
    }

    [Fact]
    public void Exit_of_a_removed_VM_is_dropped()
    {
        Guid gone = Guid.NewGuid();

        _store.WriteExit(gone, new ExitRecord(ProcessIdentity.Self, new ProcessExit(0, null), DateTimeOffset.Now));

        Assert.Null(_store.ReadExit(gone, ProcessIdentity.Self));
    }

    [Theory]
    [InlineData("")]
    [InlineData("null")]
    [InlineData("{}")]
    [InlineData("{\"process\":")]
    public void Damaged_exit_is_unknown(string content)
    {
        File.WriteAllText(Path.Combine(_store.DirectoryOf(_id), "exit.json"), content);

        Assert.Null(_store.ReadExit(_id, ProcessIdentity.Self));
    }

    private void AssertCorrupt()
    {
        MicroVmException error = Assert.Throws<MicroVmException>(() => _store.Read(_id));
        Assert.Equal(ErrorIds.StateCorrupt, error.ErrorId);
        Assert.Contains(RecordPath, error.Message, StringComparison.Ordinal);
        Assert.NotNull(error.InnerException);
    }
}
