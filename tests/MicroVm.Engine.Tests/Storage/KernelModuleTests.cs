using System.Text;
using MicroVm.Engine.Storage;

namespace MicroVm.Engine.Tests.Storage;

public class KernelModuleTests
{
    [Fact]
    public void Modinfo_is_read()
    {
        KernelModule module = Make("virtio-rng.ko", "virtio,virtio-ring", "virtio:d00000004v*", "char-major-10-183");

        Assert.Equal("virtio_rng", module.Name);
        Assert.Equal(["virtio", "virtio_ring"], module.Depends);
        Assert.Equal(["virtio:d00000004v*", "char-major-10-183"], module.Aliases);
    }

    [Fact]
    public void File_without_modinfo_is_refused() =>
        Assert.Throws<InvalidDataException>(() => KernelModule.Read("x.ko", ElfBuilder.WithSection(".text", [1])));

    [Fact]
    public void Dependencies_are_listed_so_that_the_last_is_loaded_first()
    {
        KernelModule ring = Make("virtio_ring.ko", "");
        KernelModule virtio = Make("virtio.ko", "virtio_ring");
        KernelModule pci = Make("virtio_pci.ko", "virtio_ring,virtio");

        string[] lines = KernelModuleIndex.Dependencies([pci, ring, virtio]).Split('\n');

        Assert.Equal("virtio_pci.ko: virtio.ko virtio_ring.ko", lines[0]);
        Assert.Equal("virtio_ring.ko:", lines[1]);
        Assert.Equal("virtio.ko: virtio_ring.ko", lines[2]);
    }

    [Fact]
    public void Missing_dependency_is_refused() =>
        Assert.Throws<InvalidDataException>(() => KernelModuleIndex.Dependencies([Make("virtio.ko", "virtio_ring")]));

    [Fact]
    public void Aliases_name_the_module() => Assert.Equal("alias fs-erofs erofs\n", KernelModuleIndex.Aliases([Make("erofs.ko", "", "fs-erofs")]));

    [Theory]
    [InlineData("virtio-rng.ko.xz", "virtio_rng")]
    [InlineData("button.ko", "button")]
    public void Name_comes_from_the_file(string file, string name) => Assert.Equal(name, KernelModule.NameOf(file));

    [Fact]
    public void Signature_is_cut_off()
    {
        KernelModule module = Make("button.ko", "");
        byte[] signature = [1, 2, 3, 4, 5, 0, 0, 2, 0, 0, 0, 0, 0, 0, 0, 0, 5, .. "~Module signature appended~\n"u8];

        Assert.Equal(module.Content, (module with { Content = [.. module.Content, .. signature] }).WithoutSignature().Content);
        Assert.Same(module, module.WithoutSignature());
    }

    [Theory]
    [InlineData(new byte[0])]
    [InlineData(new byte[] { 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0 })]
    [InlineData(new byte[] { 0, 0, 0, 0, 0, 0, 0, 0, 255, 255, 255, 255 })]
    public void What_is_no_signature_stays(byte[] info)
    {
        KernelModule module = Make("button.ko", "") with { Content = [.. info, .. "~Module signature appended~\n"u8] };

        Assert.Same(module, module.WithoutSignature());
    }

    private static KernelModule Make(string file, string depends, params string[] aliases)
    {
        string info = "license=GPL\0" + string.Concat(aliases.Select(a => $"alias={a}\0")) + $"depends={depends}\0";
        return KernelModule.Read(file, ElfBuilder.WithSection(".modinfo", Encoding.ASCII.GetBytes(info)));
    }
}
