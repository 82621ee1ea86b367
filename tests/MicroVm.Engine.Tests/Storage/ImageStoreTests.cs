using MicroVm.Engine.Errors;
using MicroVm.Engine.Storage;

namespace MicroVm.Engine.Tests.Storage;

public sealed class ImageStoreTests : IDisposable
{
    private readonly TemporaryDirectory _directory = new();
    private readonly ImageStore _store;

    public ImageStoreTests() => _store = new ImageStore(_directory.Paths);

    private string Images => _directory.Paths.ImagesDirectory;

    public void Dispose() => _directory.Dispose();

    [Fact]
    public void Store_without_a_directory_is_empty() => Assert.Empty(_store.List());

    [Fact]
    public async Task Installed_image_is_found_without_regard_to_case()
    {
        GuestImage installed = await Example.InstallAsync(_store, "Web");

        (GuestImage image, ImageManifest manifest) = _store.Get("wEB");

        Assert.Equal(installed, image);
        Assert.Equal("Web", manifest.Name);
        Assert.Equal(Path.Combine(Images, "web", "kernel"), image.KernelPath);
        Assert.Equal(7, image.SizeBytes);
        Assert.StartsWith("sha256:", image.Digest);
        Assert.Equal(image, Assert.Single(_store.List()));
        await _store.VerifyAsync("web", default);
    }

    [Fact]
    public void Missing_image_says_what_to_do()
    {
        MicroVmException error = Assert.Throws<MicroVmException>(() => _store.Get("base"));

        Assert.Equal(ErrorIds.ImageNotFound, error.ErrorId);
        Assert.Contains("Install-MicroVmImage", error.RecommendedAction);
    }

    [Fact]
    public async Task Second_install_fails_keeps_or_replaces()
    {
        GuestImage first = await Example.InstallAsync(_store, "web", description: "one");

        MicroVmException error = await Assert.ThrowsAsync<MicroVmException>(() => Example.InstallAsync(_store, "WEB"));
        Assert.Equal(ErrorIds.ImageAlreadyExists, error.ErrorId);
        Assert.Equal(first, await Example.InstallAsync(_store, "web", IfInstalled.Keep, "two"));
        Assert.Equal("three", (await Example.InstallAsync(_store, "web", IfInstalled.Replace, "three")).Description);
        Assert.Single(Directory.EnumerateDirectories(Images));
    }

    [Fact]
    public async Task Failed_install_leaves_nothing()
    {
        await Assert.ThrowsAsync<FormatException>(() => _store.InstallAsync(
            "web",
            IfInstalled.Fail,
            (directory, _) =>
            {
                File.WriteAllText(Path.Combine(directory, "part"), "x");
                throw new FormatException();
            },
            NullObserver.Instance,
            default));

        Assert.Empty(Directory.EnumerateDirectories(Images));
        Assert.Empty(_store.List());
    }

    [Fact]
    public async Task What_a_killed_install_left_goes_with_the_next()
    {
        Directory.CreateDirectory(Path.Combine(Images, ".staging-dead", "deep"));
        Assert.Empty(_store.List());

        await Example.InstallAsync(_store, "web");

        Assert.Equal(["web"], Directory.EnumerateDirectories(Images).Select(Path.GetFileName));
    }

    [Fact]
    public async Task Installs_at_the_same_time_make_one_image()
    {
        int made = 0;
        Task<GuestImage> Install() => Task.Run(() => _store.InstallAsync(
            "web",
            IfInstalled.Keep,
            async (directory, token) =>
            {
                Interlocked.Increment(ref made);
                await Task.Delay(50, token);
                await File.WriteAllBytesAsync(Path.Combine(directory, "kernel"), Example.Kernel, token);
                return Example.Manifest("web", Example.Kernel.Length);
            },
            NullObserver.Instance,
            default));

        GuestImage[] images = await Task.WhenAll(Install(), Install(), Install());

        Assert.Equal(1, made);
        Assert.Single(images.Distinct());
    }

    [Fact]
    public async Task Wait_for_another_install_can_be_cancelled()
    {
        using ImageStoreLock held = await ImageStoreLock.AcquireAsync(Images, () => { }, default);
        using CancellationTokenSource cancel = new(50);

        await Assert.ThrowsAnyAsync<OperationCanceledException>(() => _store.RemoveAsync("web", NullObserver.Instance, cancel.Token));
    }

    [Fact]
    public async Task Shortened_file_is_noticed()
    {
        GuestImage image = await Example.InstallAsync(_store, "web");
        File.WriteAllText(image.KernelPath, "x");

        MicroVmException error = Assert.Throws<MicroVmException>(() => _store.Get("web"));
        Assert.Equal(ErrorIds.ImageCorrupt, error.ErrorId);
        Assert.Contains("1 bytes instead of 7", Assert.Single(_store.List()).Status);
    }

    [Fact]
    public async Task Missing_file_is_noticed()
    {
        GuestImage image = await Example.InstallAsync(_store, "web");
        File.Delete(image.KernelPath);

        Assert.Equal(ErrorIds.ImageCorrupt, Assert.Throws<MicroVmException>(() => _store.Get("web")).ErrorId);
        Assert.NotEqual("Ok", Assert.Single(_store.List()).Status);
    }

    [Fact]
    public async Task Changed_file_of_the_same_size_is_noticed_by_verify()
    {
        GuestImage image = await Example.InstallAsync(_store, "web");
        File.WriteAllText(image.KernelPath, "changed");

        Assert.Equal(ErrorIds.ImageCorrupt, (await Assert.ThrowsAsync<MicroVmException>(() => _store.VerifyAsync("web", default))).ErrorId);
    }

    [Fact]
    public async Task Damaged_manifest_is_listed_with_its_status_and_can_be_replaced()
    {
        GuestImage image = await Example.InstallAsync(_store, "web");
        File.WriteAllText(Path.Combine(image.Path, "manifest.json"), "{");

        Assert.Contains("manifest", Assert.Single(_store.List()).Status);
        Assert.Equal(ErrorIds.ImageCorrupt, Assert.Throws<MicroVmException>(() => _store.Get("web")).ErrorId);
        Assert.Equal("Ok", (await Example.InstallAsync(_store, "web", IfInstalled.Replace)).Status);
    }

    [Fact]
    public async Task Removed_image_is_gone()
    {
        await Example.InstallAsync(_store, "web");

        await _store.RemoveAsync("WEB", NullObserver.Instance, default);

        Assert.Empty(_store.List());
        Assert.Equal(
            ErrorIds.ImageNotFound,
            (await Assert.ThrowsAsync<MicroVmException>(() => _store.RemoveAsync("web", NullObserver.Instance, default))).ErrorId);
    }

    [Theory]
    [InlineData("../x")]
    [InlineData("")]
    [InlineData(".staging-1")]
    public void Impossible_name_is_refused(string name) =>
        Assert.Equal(ErrorIds.InvalidMicroVmSpec, Assert.Throws<MicroVmException>(() => _store.Get(name)).ErrorId);
}
