using System.Text;
using MicroVm.Engine.Storage;

namespace MicroVm.Engine.Tests.Storage;

public class ElfFileTests
{
    [Fact]
    public void Program_of_the_host_names_its_loader_and_the_C_library()
    {
        // Any dynamic program will do; this one is there wherever the tests run.
        ElfFile elf = new(File.ReadAllBytes("/bin/sh"));

        Assert.True(File.Exists(elf.InterpreterPath));
        Assert.Contains(elf.NeededLibraries, name => name.StartsWith("libc.", StringComparison.Ordinal));
    }

    [Fact]
    public void Section_is_found_by_name()
    {
        ElfFile elf = new(ElfBuilder.WithSection(".modinfo", "a=b\0"u8.ToArray()));

        Assert.Equal("a=b\0", Encoding.ASCII.GetString(elf.Section(".modinfo").Span));
        Assert.True(elf.Section(".other").IsEmpty);
    }

    [Fact]
    public void Note_is_found_by_owner_and_type()
    {
        ElfFile elf = new(ElfBuilder.WithNote("Xen", 18));

        Assert.True(elf.HasNote("Xen", 18));
        Assert.False(elf.HasNote("Xen", 17));
        Assert.False(elf.HasNote("GNU", 18));
    }

    [Theory]
    [InlineData(0)]
    [InlineData(20)]
    [InlineData(63)]
    public void Cut_off_header_is_refused(int length) =>
        Assert.Throws<InvalidDataException>(() => new ElfFile(ElfBuilder.WithNote("Xen", 18).AsMemory(0, length)));

    [Fact]
    public void Headers_that_point_outside_are_refused()
    {
        byte[] cut = ElfBuilder.WithSection(".modinfo", new byte[100]);

        Assert.Throws<InvalidDataException>(() => new ElfFile(cut.AsMemory(0, 200)).Section(".modinfo"));
    }
}
