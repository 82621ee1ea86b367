using System.Text;
using MicroVm.Engine.Native;
using MicroVm.Engine.Storage;

namespace MicroVm.Engine.Tests.Storage;

public sealed class Iso9660Tests : IDisposable
{
    private const int SectorBytes = 2048;

    private readonly TemporaryDirectory _directory = new();

    public void Dispose() => _directory.Dispose();

    [Fact]
    public void Equal_input_makes_equal_file_systems() => Assert.Equal(Make("a", new byte[3000]), Make("a", new byte[3000]));

    [Theory]
    [InlineData(0, 22)]
    [InlineData(1, 23)]
    [InlineData(SectorBytes, 23)]
    [InlineData(SectorBytes + 1, 24)]
    public void Files_fill_whole_sectors(int length, int sectors)
    {
        byte[] image = Make("meta", new byte[length]);

        Assert.Equal(sectors * SectorBytes, image.Length);
        Assert.Equal(sectors, BitConverter.ToInt32(image, (16 * SectorBytes) + 80));
        Assert.Equal("CD001", Encoding.ASCII.GetString(image, (16 * SectorBytes) + 1, 5));
        Assert.Equal("cidata".PadRight(32), Encoding.ASCII.GetString(image, (16 * SectorBytes) + 40, 32));
    }

    [IsoinfoFact]
    public async Task Isoinfo_reads_names_modes_and_contents()
    {
        byte[] content = new byte[(1 << 20) - 1];
        new Random(1).NextBytes(content);
        string path = Path.Combine(_directory.Path, "image");
        await File.WriteAllBytesAsync(path, Make("meta: ä\n", content));

        Assert.Contains("Volume id: cidata\n", await IsoinfoFactAttribute.RunAsync("-d", "-i", path), StringComparison.Ordinal);
        string listing = await IsoinfoFactAttribute.RunAsync("-l", "-R", "-i", path);
        Assert.Matches(@"-r--------   1    0    0 +9 .* meta-data *\n", listing);
        Assert.Matches(@"-r--------   1    0    0 +1048575 .* user-data *\n", listing);
        Assert.Equal("meta: ä\n", await IsoinfoFactAttribute.RunAsync("-R", "-x", "/meta-data", "-i", path));
        byte[] read = [];
        await IsoinfoFactAttribute.Tool.StreamAsync(
            ["-R", "-x", "/user-data", "-i", path],
            TimeSpan.FromSeconds(10),
            static (_, _) => Task.CompletedTask,
            async (output, token) =>
            {
                using MemoryStream stream = new();
                await output.CopyToAsync(stream, token);
                read = stream.ToArray();
            },
            CancellationToken.None);
        Assert.Equal(content, read);
    }

    private static byte[] Make(string meta, byte[] user) => Iso9660.Make("cidata", ("meta-data", Encoding.UTF8.GetBytes(meta)), ("user-data", user));

    /// <summary>A test that lets another program read the file system.</summary>
    private sealed class IsoinfoFactAttribute : FactAttribute
    {
        public IsoinfoFactAttribute() => Skip = Tool.Find() is null ? "isoinfo (of the package genisoimage) is not installed." : null;

        public static HostTool Tool { get; } = new("isoinfo", "genisoimage");

        public static Task<string> RunAsync(params string[] arguments) => Tool.RunAsync(arguments, TimeSpan.FromSeconds(10), CancellationToken.None);
    }
}
