using System.Security.Cryptography;
using MicroVm.Engine.Errors;
using MicroVm.Engine.Storage;
using Microsoft.Win32.SafeHandles;

namespace MicroVm.Engine.Tests.Storage;

public sealed class SparseFileTests : IDisposable
{
    private const long Length = (1L << 30) + 12345;

    private readonly TemporaryDirectory _directory = new();

    public void Dispose() => _directory.Dispose();

    [Fact]
    public void Copy_keeps_data_holes_and_length()
    {
        string source = MakeSparse();
        string copy = _directory.File("copy");

        SparseFile.Copy(source, copy);

        Assert.Equal(Length, new FileInfo(copy).Length);
        using SafeFileHandle from = File.OpenHandle(source);
        using SafeFileHandle to = File.OpenHandle(copy);
        Assert.Equal(SparseFile.DataExtents(from), SparseFile.DataExtents(to));
        Assert.True(SparseFile.DataExtents(to).Sum(e => e.Length) < 1 << 20);
        Assert.Equal(UnixFileMode.UserRead | UnixFileMode.UserWrite, File.GetUnixFileMode(copy));
        byte[] read = new byte[5];
        RandomAccess.Read(to, read, 500L << 20);
        Assert.Equal("hello"u8, read);
    }

    [Fact]
    public void Empty_file_is_copied()
    {
        File.WriteAllText(_directory.File("empty"), "");

        SparseFile.Copy(_directory.File("empty"), _directory.File("copy"));

        Assert.Equal(0, new FileInfo(_directory.File("copy")).Length);
    }

    [Fact]
    public void Existing_destination_is_left_alone()
    {
        File.WriteAllText(_directory.File("source"), "new");
        File.WriteAllText(_directory.File("copy"), "old");

        MicroVmException error = Assert.Throws<MicroVmException>(() => SparseFile.Copy(_directory.File("source"), _directory.File("copy")));

        Assert.Equal(ErrorIds.StorageFailed, error.ErrorId);
        Assert.Equal("old", File.ReadAllText(_directory.File("copy")));
    }

    [Fact]
    public void Cancelled_copy_leaves_nothing()
    {
        string source = MakeSparse();

        Assert.ThrowsAny<OperationCanceledException>(() => SparseFile.Copy(source, _directory.File("copy"), new CancellationToken(canceled: true)));

        Assert.False(File.Exists(_directory.File("copy")));
    }

    [Fact]
    public void Full_file_system_is_a_typed_error()
    {
        // Every write to this device fails as on a full disk.
        Exception cause = Assert.ThrowsAny<IOException>(() => File.WriteAllText("/dev/full", "x"));

        MicroVmException error = StorageErrors.Wrap(cause, "/some/disk");

        Assert.Equal(ErrorIds.DiskFull, error.ErrorId);
        Assert.Contains("/some/disk", error.Message);
    }

    [Fact]
    public void Zeros_become_holes()
    {
        string path = _directory.File("zeros");
        byte[] content = new byte[1 << 20];
        content[0] = 1;
        content[^1] = 2;
        File.WriteAllBytes(path, content);

        SparseFile.DigHoles(path);

        Assert.Equal(content, File.ReadAllBytes(path));
        using SafeFileHandle file = File.OpenHandle(path);
        Assert.Equal(8192, SparseFile.DataExtents(file).Sum(e => e.Length));
    }

    [Theory]
    [InlineData(0)]
    [InlineData(1)]
    [InlineData(2 << 20)]
    [InlineData((2 << 20) + 1)]
    [InlineData(7 << 20)]
    public async Task Block_digest_is_the_digest_of_the_digests(int length)
    {
        byte[] content = new byte[length];
        new Random(length).NextBytes(content);
        File.WriteAllBytes(_directory.File("file"), content);

        Assert.Equal(Reference(content), await FileDigest.BlockSha256Async(_directory.File("file")));
        Assert.Equal(Convert.ToHexStringLower(SHA256.HashData(content)), await FileDigest.Sha256Async(_directory.File("file")));
    }

    [Fact]
    public async Task Block_digest_does_not_depend_on_holes()
    {
        byte[] content = new byte[(9 << 20) + 77];
        content[3 << 20] = 1;
        File.WriteAllBytes(_directory.File("dense"), content);
        SparseFile.Copy(_directory.File("dense"), _directory.File("sparse"));
        SparseFile.DigHoles(_directory.File("sparse"));
        long most = 0;
        object gate = new();

        string digest = await FileDigest.BlockSha256Async(
            _directory.File("sparse"),
            done =>
            {
                lock (gate)
                {
                    most = Math.Max(most, done);
                }
            });

        Assert.Equal(Reference(content), digest);
        Assert.Equal(content.Length, most);
    }

    private static string Reference(byte[] content) =>
        Convert.ToHexStringLower(SHA256.HashData(content.Chunk(2 << 20).SelectMany(block => SHA256.HashData(block)).ToArray()));

    private string MakeSparse()
    {
        string path = _directory.File("source");
        using FileStream stream = new(path, FileMode.CreateNew);
        stream.SetLength(Length);
        stream.Write("start"u8);
        stream.Position = 500L << 20;
        stream.Write("hello"u8);
        stream.Position = Length - 3;
        stream.Write("end"u8);
        return path;
    }
}
