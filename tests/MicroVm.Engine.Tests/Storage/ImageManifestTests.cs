using System.Text;
using MicroVm.Engine.State;
using MicroVm.Engine.Storage;

namespace MicroVm.Engine.Tests.Storage;

public class ImageManifestTests
{
    [Fact]
    public void Manifest_survives_the_round_trip()
    {
        ImageManifest manifest = Example.Manifest("base", 7) with { RootDisk = new ImageFile { File = "root", Sha256 = "00", Bytes = 1 }, UsesConfigurationDisk = true, UsesNetworkArguments = true };

        ImageManifest read = ImageManifest.Parse(manifest.ToJson());

        Assert.Equal(manifest.ToJson(), read.ToJson());
        Assert.Equal(manifest.Kernel, read.Kernel);
        Assert.True(read.UsesConfigurationDisk);
        Assert.True(read.UsesNetworkArguments);
        Assert.Equal(["console=ttyS0"], read.KernelArguments);
        Assert.Equal("1.0+b1", read.Packages["busybox"]);
    }

    [Theory]
    [InlineData("")]
    [InlineData("{")]
    [InlineData("null")]
    [InlineData("{\"version\":1}")]
    [InlineData("{\"version\":1,\"name\":null}")]
    public void Damaged_manifest_is_refused(string json) => Assert.Throws<InvalidDataException>(() => ImageManifest.Parse(Encoding.UTF8.GetBytes(json)));

    [Fact]
    public void Later_version_is_named()
    {
        string json = Encoding.UTF8.GetString(Example.Manifest("base", 7).ToJson()).Replace("\"version\": 1", "\"version\": 9, \"added\": true");

        Assert.Contains("version 9", Assert.Throws<InvalidDataException>(() => ImageManifest.Parse(Encoding.UTF8.GetBytes(json))).Message);
    }

    [Fact]
    public void Unknown_member_means_damage()
    {
        string json = Encoding.UTF8.GetString(Example.Manifest("base", 7).ToJson()).Replace("\"version\": 1", "\"version\": 1, \"added\": true");

        Assert.Throws<InvalidDataException>(() => ImageManifest.Parse(Encoding.UTF8.GetBytes(json)));
    }

    [Theory]
    [InlineData("../../etc/passwd")]
    [InlineData("/etc/passwd")]
    [InlineData("..")]
    [InlineData("")]
    public void File_outside_the_image_is_refused(string file)
    {
        ImageManifest manifest = Example.Manifest("base", 7);
        manifest = manifest with { Kernel = manifest.Kernel with { File = file } };

        Assert.Throws<InvalidDataException>(() => ImageManifest.Parse(manifest.ToJson()));
    }

    [Theory]
    [InlineData("base", true)]
    [InlineData("Web-1", true)]
    [InlineData("1", true)]
    [InlineData("", false)]
    [InlineData("-a", false)]
    [InlineData("a.b", false)]
    [InlineData("a/b", false)]
    [InlineData("..", false)]
    [InlineData("a\n", false)]
    [InlineData("ä", false)]
    public void Names_follow_the_rule(string name, bool valid) => Assert.Equal(valid, NameRule.IsValid(name));

    [Fact]
    public void Names_have_at_most_63_characters()
    {
        Assert.True(NameRule.IsValid(new string('a', 63)));
        Assert.False(NameRule.IsValid(new string('a', 64)));
    }
}
