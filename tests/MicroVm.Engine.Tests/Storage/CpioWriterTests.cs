using System.Globalization;
using System.Text;
using MicroVm.Engine.Storage;

namespace MicroVm.Engine.Tests.Storage;

public class CpioWriterTests
{
    [Fact]
    public void Archive_reads_back_as_it_was_written()
    {
        using MemoryStream stream = new();
        CpioWriter cpio = new(stream);
        cpio.AddDirectory("bin");
        cpio.AddFile("bin/tool", "12345"u8, UnixFileMode.UserRead | UnixFileMode.UserExecute);
        cpio.AddLink("bin/alias", "tool");
        cpio.AddCharacterDevice("console", 5, 1);
        cpio.Finish();

        List<Entry> entries = Read(stream.ToArray());

        Assert.Equal(["bin", "bin/tool", "bin/alias", "console", "TRAILER!!!"], entries.Select(e => e.Name));
        Assert.Equal(["40755", "100500", "120777", "20600", "0"], entries.Select(e => Convert.ToString(e.Mode, 8)));
        Assert.Equal("12345", entries[1].Content);
        Assert.Equal("tool", entries[2].Content);
        Assert.Equal((5u, 1u), (entries[3].Major, entries[3].Minor));
    }

    [Fact]
    public void Equal_input_makes_equal_archives()
    {
        Assert.Equal(Make(), Make());

        static byte[] Make()
        {
            using MemoryStream stream = new();
            CpioWriter cpio = new(stream);
            cpio.AddFile("a", "x"u8, UnixFileMode.UserRead);
            cpio.Finish();
            return stream.ToArray();
        }
    }

    private static List<Entry> Read(byte[] archive)
    {
        List<Entry> entries = [];
        int offset = 0;
        while (offset < archive.Length)
        {
            Assert.Equal("070701", Encoding.ASCII.GetString(archive, offset, 6));
            int at = offset;
            uint Field(int i) => uint.Parse(Encoding.ASCII.GetString(archive, at + 6 + (8 * i), 8), NumberStyles.HexNumber, CultureInfo.InvariantCulture);
            int size = (int)Field(6);
            int nameSize = (int)Field(11);
            string name = Encoding.UTF8.GetString(archive, offset + 110, nameSize - 1);
            int content = offset + ((110 + nameSize + 3) & ~3);
            entries.Add(new Entry(name, Field(1), Field(9), Field(10), Encoding.UTF8.GetString(archive, content, size)));
            offset = (content + size + 3) & ~3;
        }

        Assert.Equal(archive.Length, offset);
        return entries;
    }

    private sealed record Entry(string Name, uint Mode, uint Major, uint Minor, string Content);
}
