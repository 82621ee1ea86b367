using System.Text;
using MicroVm.Engine.State;
using MicroVm.Engine.Storage;

namespace MicroVm.Engine.Tests.Storage;

public sealed class ConfigurationDiskTests : IDisposable
{
    private static readonly Guid s_id = new("01234567-89ab-cdef-0123-456789abcdef");

    private readonly TemporaryDirectory _directory = new();

    private string DiskPath => Path.Combine(_directory.Path, BootSource.ConfigurationFile);

    public void Dispose() => _directory.Dispose();

    [Fact]
    public void Meta_data_is_a_line_per_value() => Assert.Equal(
        """
        instance-id: 01234567-89ab-cdef-0123-456789abcdef
        local-hostname: web
        public-keys: |
          ssh-rsa AAAA it's: "me" # 1
          ssh-ed25519 BBBB

        """,
        Encoding.UTF8.GetString(ConfigurationDisk.MetaData(s_id, "web", ["ssh-rsa AAAA it's: \"me\" # 1", "ssh-ed25519 BBBB"])));

    [Fact]
    public void Meta_data_without_keys_does_not_name_them() => Assert.Equal(
        "instance-id: 01234567-89ab-cdef-0123-456789abcdef\nlocal-hostname: web\n",
        Encoding.UTF8.GetString(ConfigurationDisk.MetaData(s_id, "web", [])));

    [Fact]
    public void Disk_is_its_owners_alone_and_holds_user_data_as_given()
    {
        ConfigurationDisk.Create(DiskPath, s_id, "web", [], "#cloud-config\r\nä");

        Assert.Equal(UnixFileMode.UserRead | UnixFileMode.UserWrite, File.GetUnixFileMode(DiskPath));
        Assert.Contains("#cloud-config\r\nä\0", File.ReadAllText(DiskPath), StringComparison.Ordinal);
    }

    [Fact]
    public void Copy_keeps_the_permissions_and_what_is_there()
    {
        BootSource boot = new() { KernelPath = "/kernel", HasConfigurationDisk = true };
        string other = Directory.CreateDirectory(Path.Combine(_directory.Path, "other")).FullName;
        string copy = Path.Combine(other, BootSource.ConfigurationFile);
        ConfigurationDisk.Create(DiskPath, s_id, "web", [], null);

        ConfigurationDisk.Copy(boot with { HasConfigurationDisk = false }, _directory.Path, other);
        Assert.False(File.Exists(copy));

        ConfigurationDisk.Copy(boot, _directory.Path, other);
        Assert.Equal(File.ReadAllBytes(DiskPath), File.ReadAllBytes(copy));
        Assert.Equal(UnixFileMode.UserRead | UnixFileMode.UserWrite, File.GetUnixFileMode(copy));

        File.WriteAllText(DiskPath, "other");
        ConfigurationDisk.Copy(boot, _directory.Path, other);
        Assert.NotEqual("other", File.ReadAllText(copy));
    }
}
