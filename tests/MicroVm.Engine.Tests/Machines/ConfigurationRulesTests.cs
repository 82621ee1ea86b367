using MicroVm.Engine.Errors;
using MicroVm.Engine.Machines;

namespace MicroVm.Engine.Tests.Machines;

public sealed class ConfigurationRulesTests
{
    private const string Key = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIEkqKioqKioqKioqKioqKioqKioqKioqKioqKioqKioq";

    private static readonly string s_label63 = new('a', 63);

    public static TheoryData<string> GoodNames => ["a", "web", "Web-1", "3com", "web.example.org", s_label63, new string('a', 31) + "." + new string('b', 32)];

    public static TheoryData<string> BadNames =>
        ["", " ", "-a", "a-", "a..b", ".a", "a.", "a_b", "a b", "a\n", "ä", "a/b", "$(id)", new string('a', 64), new string('a', 32) + "." + new string('b', 32)];

    [Theory]
    [MemberData(nameof(GoodNames))]
    public void Good_name(string name) => ConfigurationRules.Check(new VirtualMachineSpec { Hostname = name });

    [Theory]
    [MemberData(nameof(BadNames))]
    public void Bad_name(string name) => AssertInvalid(new VirtualMachineSpec { Hostname = name }, "is not a host name");

    [Theory]
    [InlineData(Key)]
    [InlineData(Key + " me@host: it's #1 \"quoted\"")]
    [InlineData("ssh-rsa AAAAB3NzaC1yc2EAAAADAQABAAAAgQ==")]
    [InlineData("ecdsa-sha2-nistp256 AAAAE2VjZHNhLXNoYTItbmlzdHAyNTY=")]
    [InlineData("sk-ssh-ed25519@openssh.com AAAAGnNrLXNzaC1lZDI1NTE5QG9wZW5zc2guY29t")]
    public void Good_key(string key) => ConfigurationRules.Check(new VirtualMachineSpec { AuthorizedKeys = [Key, key] });

    [Theory]
    [InlineData(null)]
    [InlineData("")]
    [InlineData("ssh-ed25519")]
    [InlineData("ssh-ed25519 ")]
    [InlineData("ssh-ed25519 not*base64")]
    [InlineData("ssh-dss AAAAB3NzaC1kc3MAAACB")]
    [InlineData("# a comment")]
    [InlineData("/root/.ssh/id_ed25519.pub")]
    [InlineData("-----BEGIN OPENSSH PRIVATE KEY-----")]
    [InlineData(" " + Key)]
    [InlineData(Key + "\n" + Key)]
    [InlineData(Key + " a\u2028b")]
    [InlineData(Key + "\0")]
    public void Bad_key_is_named_by_its_number(string? key)
    {
        MicroVmException error = AssertInvalid(new VirtualMachineSpec { AuthorizedKeys = [Key, key!] }, "AuthorizedKey 2 is not a public key of SSH.");

        Assert.Equal(2, error.Target);
    }

    [Theory]
    [InlineData("")]
    [InlineData("#cloud-config\npackages:\n\t- ä €\r\n")]
    public void Good_user_data(string data) => ConfigurationRules.Check(new VirtualMachineSpec { UserData = data });

    [Theory]
    [InlineData("a\0", "U+0000 at position 1")]
    [InlineData("\u001b[0m", "U+001B at position 0")]
    [InlineData("a\nb\u0085", "U+0085 at position 3")]
    public void Control_characters_in_user_data(string data, string words) => AssertInvalid(new VirtualMachineSpec { UserData = data }, words);

    [Fact]
    public void User_data_has_at_most_a_MiB_as_UTF8()
    {
        ConfigurationRules.Check(new VirtualMachineSpec { UserData = new string('ä', 1 << 19) });
        AssertInvalid(new VirtualMachineSpec { UserData = new string('ä', 1 << 19) + "a" }, "UserData has 1048577 bytes");
    }

    [Fact]
    public void Disk_is_made_for_what_cannot_be_said_otherwise()
    {
        Assert.False(ConfigurationRules.IsDiskNeeded(new VirtualMachineSpec(), nameNeedsDisk: true));
        Assert.False(ConfigurationRules.IsDiskNeeded(new VirtualMachineSpec { Hostname = "web" }, nameNeedsDisk: false));
        Assert.True(ConfigurationRules.IsDiskNeeded(new VirtualMachineSpec { Hostname = "web" }, nameNeedsDisk: true));
        Assert.True(ConfigurationRules.IsDiskNeeded(new VirtualMachineSpec { AuthorizedKeys = [Key] }, nameNeedsDisk: false));
        Assert.True(ConfigurationRules.IsDiskNeeded(new VirtualMachineSpec { UserData = "" }, nameNeedsDisk: false));
    }

    [Fact]
    public void Disk_is_made_for_a_network_that_cannot_be_told_otherwise()
    {
        Assert.False(ConfigurationRules.IsDiskNeeded(new VirtualMachineSpec(), nameNeedsDisk: false, hasInterfaces: true));
        Assert.True(ConfigurationRules.IsDiskNeeded(new VirtualMachineSpec(), nameNeedsDisk: true, hasInterfaces: true));
    }

    [Fact]
    public void Image_of_an_earlier_version_is_given_no_network()
    {
        ConfigurationRules.CheckOurNetwork("base", readsWords: true);
        MicroVmException error = Assert.Throws<MicroVmException>(() => ConfigurationRules.CheckOurNetwork("base", readsWords: false));

        Assert.Equal(ErrorIds.InvalidMicroVmSpec, error.ErrorId);
        Assert.Equal("Make it again: Install-MicroVmImage base -Force", error.RecommendedAction);
    }

    [Fact]
    public void Our_init_runs_scripts_alone()
    {
        ConfigurationRules.CheckOurInit(new VirtualMachineSpec { UserData = "#!/bin/sh\n" }, "base", readsDisk: true);
        MicroVmException error = Assert.Throws<MicroVmException>(
            () => ConfigurationRules.CheckOurInit(new VirtualMachineSpec { UserData = "#cloud-config\n" }, "base", readsDisk: true));

        Assert.Equal(ErrorIds.InvalidMicroVmSpec, error.ErrorId);
        Assert.Contains("a script that begins with #!", error.Message, StringComparison.Ordinal);
    }

    [Fact]
    public void Image_of_an_earlier_version_is_not_handed_what_it_would_pass_over()
    {
        MicroVmException error = Assert.Throws<MicroVmException>(
            () => ConfigurationRules.CheckOurInit(new VirtualMachineSpec { AuthorizedKeys = [Key] }, "base", readsDisk: false));

        Assert.Equal(ErrorIds.InvalidMicroVmSpec, error.ErrorId);
        Assert.Equal("Make it again: Install-MicroVmImage base -Force", error.RecommendedAction);
    }

    private static MicroVmException AssertInvalid(VirtualMachineSpec spec, string words)
    {
        MicroVmException error = Assert.Throws<MicroVmException>(() => ConfigurationRules.Check(spec));
        Assert.Equal(ErrorIds.InvalidMicroVmSpec, error.ErrorId);
        Assert.Equal(ErrorKind.InvalidArgument, error.Kind);
        Assert.Contains(words, error.Message, StringComparison.Ordinal);
        Assert.NotNull(error.Target);
        Assert.NotNull(error.RecommendedAction);
        return error;
    }
}
