using MicroVm.Engine.Storage;

namespace MicroVm.Engine.Tests.Storage;

public class AptPackageTests
{
    [Fact]
    public void Addresses_are_read()
    {
        AptPackage package = Assert.Single(AptPackage.ParseUris(
            """
            Reading package lists...
            'http://deb.debian.org/b/busybox-static_1.35.0-4+b1_amd64.deb' busybox-static_1%3a1.35.0-4+b1_amd64.deb 928188 SHA256:ab

            """));

        Assert.Equal(new AptPackage("busybox-static", "1:1.35.0-4+b1", "busybox-static_1%3a1.35.0-4+b1_amd64.deb", 928188), package);
    }

    [Fact]
    public void Dependencies_are_read_without_virtual_packages()
    {
        IReadOnlyDictionary<string, IReadOnlyList<string>> graph = AptPackage.ParseDepends(
            """
            linux-image-6.1-cloud
              PreDepends: dpkg
              Depends: kmod
             |Depends: initramfs-tools
              Depends: <linux-initramfs-tool>
                dracut
              Conflicts: other
            kmod
              Depends: libc6

            """);

        Assert.Equal(["dpkg", "kmod", "initramfs-tools"], graph["linux-image-6.1-cloud"]);
        Assert.Equal(["libc6"], graph["kmod"]);
    }

    [Theory]
    [InlineData("lib/x86_64-linux-gnu/libc.so.6", true)]
    [InlineData("usr/lib/aarch64-linux-gnu/libglib-2.0.so.0", true)]
    [InlineData("lib64/ld-linux-x86-64.so.2", true)]
    [InlineData("lib/ld-linux-aarch64.so.1", true)]
    [InlineData("usr/lib/x86_64-linux-gnu/gconv/BIG5.so", false)]
    [InlineData("usr/share/doc/libc6/copyright", false)]
    [InlineData("usr/bin/tool.so", false)]
    public void Libraries_are_told_from_other_files(string path, bool library) => Assert.Equal(library, SharedLibraries.IsCandidate(path));
}
