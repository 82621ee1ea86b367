using System.Security.Cryptography;
using MicroVm.Engine.Storage;

namespace MicroVm.Engine.Tests.Storage;

/// <summary>A small image.</summary>
internal static class Example
{
    public static readonly byte[] Kernel = [1, 2, 3, 4, 5, 6, 7];

    public static ImageManifest Manifest(string name, long kernelBytes) => new()
    {
        Version = ImageManifest.CurrentVersion,
        Name = name,
        CreatedAt = DateTimeOffset.UnixEpoch,
        Kernel = new KernelFile
        {
            File = "kernel",
            Sha256 = Convert.ToHexStringLower(SHA256.HashData(Kernel)),
            Bytes = kernelBytes,
            Format = KernelFormat.Elf,
            Release = "6.1",
        },
        KernelArguments = ["console=ttyS0"],
        MinimumMemoryBytes = 64 << 20,
        UsesOverlayDisk = true,
        Packages = new Dictionary<string, string> { ["busybox"] = "1.0+b1" },
    };

    public static Task<GuestImage> InstallAsync(ImageStore store, string name, IfInstalled ifInstalled = IfInstalled.Fail, string? description = null) =>
        store.InstallAsync(
            name,
            ifInstalled,
            async (directory, token) =>
            {
                await File.WriteAllBytesAsync(Path.Combine(directory, "kernel"), Kernel, token);
                return Manifest(name, Kernel.Length) with { Description = description };
            },
            NullObserver.Instance,
            default);
}
