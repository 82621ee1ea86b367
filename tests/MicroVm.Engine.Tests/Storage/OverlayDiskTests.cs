using MicroVm.Engine.Errors;
using MicroVm.Engine.Native;
using MicroVm.Engine.Storage;
using Microsoft.Win32.SafeHandles;

namespace MicroVm.Engine.Tests.Storage;

public sealed class OverlayDiskTests : IDisposable
{
    private static readonly HostTool Fsck = new("e2fsck", "e2fsprogs");

    private readonly TemporaryDirectory _directory = new();

    public void Dispose() => _directory.Dispose();

    [Theory]
    [InlineData(16L << 20)]
    [InlineData(256L << 20)]
    [InlineData((1L << 30) + 1)]
    [InlineData(8L << 30)]
    [InlineData(1L << 40)]
    public async Task Disk_is_sparse_sound_and_of_the_size_asked_for(long size)
    {
        string disk = _directory.File("disk");

        await OverlayDisk.CreateAsync(_directory.Paths, disk, size, default);

        Assert.Equal((size + 4095) / 4096 * 4096, new FileInfo(disk).Length);
        using (SafeFileHandle file = File.OpenHandle(disk))
        {
            long data = SparseFile.DataExtents(file).Sum(e => e.Length);
            Assert.True(data <= 256 << 10 || data <= size >> 14, $"{data} bytes of data");
        }

        await Fsck.RunAsync(["-f", "-n", disk], TimeSpan.FromSeconds(60), default);
    }

    [Fact]
    public async Task Disks_made_at_the_same_time_share_one_template()
    {
        await Task.WhenAll(Enumerable.Range(0, 8).Select(i => Task.Run(() => OverlayDisk.CreateAsync(_directory.Paths, _directory.File("disk" + i), 64 << 20, default))));

        Assert.Single(Directory.EnumerateFiles(_directory.Paths.CacheDirectory));
        for (int i = 0; i < 8; i++)
        {
            await Fsck.RunAsync(["-f", "-n", _directory.File("disk" + i)], TimeSpan.FromSeconds(60), default);
        }
    }

    [Fact]
    public async Task Too_small_a_disk_is_refused()
    {
        MicroVmException error =
            await Assert.ThrowsAsync<MicroVmException>(() => OverlayDisk.CreateAsync(_directory.Paths, _directory.File("disk"), 1 << 20, default));

        Assert.Equal(ErrorIds.InvalidMicroVmSpec, error.ErrorId);
    }

    [Fact]
    public async Task More_than_a_file_can_hold_is_refused()
    {
        MicroVmException error =
            await Assert.ThrowsAsync<MicroVmException>(() => OverlayDisk.CreateAsync(_directory.Paths, _directory.File("disk"), long.MaxValue >> 2, default));

        Assert.Equal(ErrorIds.InvalidMicroVmSpec, error.ErrorId);
        Assert.Empty(Directory.EnumerateFiles(_directory.Paths.CacheDirectory));
    }

    [Fact]
    public async Task Cancelled_call_leaves_nothing()
    {
        await Assert.ThrowsAnyAsync<OperationCanceledException>(
            () => OverlayDisk.CreateAsync(_directory.Paths, _directory.File("disk"), 64 << 20, new CancellationToken(canceled: true)));

        Assert.False(File.Exists(_directory.File("disk")));
        Assert.Empty(Directory.EnumerateFiles(_directory.Paths.CacheDirectory));
    }
}
