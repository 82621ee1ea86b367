using MicroVm.Engine.Errors;
using MicroVm.Engine.Storage;

namespace MicroVm.Engine.Tests.Storage;

public sealed class CopyUpdateTests : IDisposable
{
    private const int Length = (64 << 20) + 1234;

    private readonly TemporaryDirectory _directory = new();
    private readonly string _source;
    private readonly string _copy;

    public CopyUpdateTests()
    {
        _source = _directory.File("source");
        _copy = _directory.File("copy");
        byte[] content = new byte[3 << 20];
        new Random(1).NextBytes(content);
        using FileStream file = File.Create(_source);
        file.Position = 10 << 20;
        file.Write(content);
        file.SetLength(Length);
    }

    public void Dispose() => _directory.Dispose();

    [Theory]
    [InlineData(0)]
    [InlineData((10 << 20) + 4095)]
    [InlineData((13 << 20) - 1)]
    [InlineData(40 << 20)]
    [InlineData(Length - 1)]
    public async Task A_byte_written_since_the_copy_is_brought_over(int offset)
    {
        SparseFile.Copy(_source, _copy);
        Write(offset, [77]);

        await CopyUpdate.RunAsync(_source, _copy, default);

        Assert.Equal(File.ReadAllBytes(_source), File.ReadAllBytes(_copy));
    }

    [Fact]
    public async Task Data_that_became_zeros_is_brought_over()
    {
        SparseFile.Copy(_source, _copy);
        Write(11 << 20, new byte[1 << 20]);
        SparseFile.DigHoles(_source);

        await CopyUpdate.RunAsync(_source, _copy, default);

        Assert.Equal(File.ReadAllBytes(_source), File.ReadAllBytes(_copy));
    }

    [Fact]
    public async Task What_is_equal_is_not_written()
    {
        SparseFile.Copy(_source, _copy);
        DateTime before = new(2020, 1, 1, 0, 0, 0, DateTimeKind.Utc);
        File.SetLastWriteTimeUtc(_copy, before);

        await CopyUpdate.RunAsync(_source, _copy, default);

        Assert.Equal(before, File.GetLastWriteTimeUtc(_copy));
    }

    [Fact]
    public async Task A_shorter_copy_is_a_typed_error()
    {
        SparseFile.Copy(_source, _copy);
        using (FileStream file = File.OpenWrite(_copy))
        {
            file.SetLength(1 << 20);
        }

        MicroVmException error = await Assert.ThrowsAsync<MicroVmException>(() => CopyUpdate.RunAsync(_source, _copy, default));

        Assert.Equal(ErrorIds.StorageFailed, error.ErrorId);
    }

    private void Write(int offset, byte[] content)
    {
        using FileStream file = File.OpenWrite(_source);
        file.Position = offset;
        file.Write(content);
    }
}
