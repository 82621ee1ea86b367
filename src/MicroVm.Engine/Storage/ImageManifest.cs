using System.Text.Json;

namespace MicroVm.Engine.Storage;

/// <summary>How a kernel file is packed.</summary>
internal enum KernelFormat
{
    /// <summary>An uncompressed ELF vmlinux with a PVH entry.</summary>
    Elf,

    /// <summary>The compressed kernel as distributions ship it.</summary>
    BzImage,
}

/// <summary>One file of an image.</summary>
internal record ImageFile
{
    /// <summary>Its name inside the image's directory.</summary>
    public required string File { get; init; }

    /// <summary>The SHA-256 of its content, lower-case hexadecimal.</summary>
    public required string Sha256 { get; init; }

    /// <summary>Its length in bytes.</summary>
    public required long Bytes { get; init; }
}

/// <summary>The kernel of an image.</summary>
internal sealed record KernelFile : ImageFile
{
    /// <summary>The kernel's release, such as "6.1.0-56-cloud-amd64"; null when unknown.</summary>
    public string? Release { get; init; }

    /// <summary>How it is packed.</summary>
    public required KernelFormat Format { get; init; }
}

/// <summary>What an image consists of and how it is booted: the file <c>manifest.json</c> in its directory, written last.</summary>
internal sealed record ImageManifest
{
    /// <summary>The version this engine writes; it reads no later one.</summary>
    public const int CurrentVersion = 1;

    /// <summary>The name of the manifest's file.</summary>
    public const string FileName = "manifest.json";

    /// <summary>The version of this format.</summary>
    public required int Version { get; init; }

    /// <summary>The image's name as it was given.</summary>
    public required string Name { get; init; }

    /// <summary>What it is, in a sentence.</summary>
    public string? Description { get; init; }

    /// <summary>When it was made.</summary>
    public required DateTimeOffset CreatedAt { get; init; }

    /// <summary>The kernel.</summary>
    public required KernelFile Kernel { get; init; }

    /// <summary>The initramfs, or null.</summary>
    public ImageFile? Initramfs { get; init; }

    /// <summary>The root file system (a raw squashfs, erofs or ext4 image, attached read-only with serial <see cref="GuestContract.RootSerial"/>), or null.</summary>
    public ImageFile? RootDisk { get; init; }

    /// <summary>The words of the kernel command line, before those the VM adds.</summary>
    public required IReadOnlyList<string> KernelArguments { get; init; }

    /// <summary>The text whose appearance on the serial console means that the guest is ready; null when it says nothing.</summary>
    public string? ReadyMarker { get; init; }

    /// <summary>The least guest memory it boots with, in bytes.</summary>
    public required long MinimumMemoryBytes { get; init; }

    /// <summary>Whether its init knows the VM's own writable disk (see <see cref="GuestContract"/>); else it gets none unless asked for.</summary>
    public required bool UsesOverlayDisk { get; init; }

    /// <summary>Whether its init reads the configuration disk as that of "base" does. Where it does not, cloud-init may.</summary>
    public bool UsesConfigurationDisk { get; init; }

    /// <summary>Whether its init sets up the network by the words <c>ip=</c> of the kernel's command line. Where it does not, cloud-init or the kernel itself may.</summary>
    public bool UsesNetworkArguments { get; init; }

    /// <summary>The packages it was made from, with their versions.</summary>
    public IReadOnlyDictionary<string, string> Packages { get; init; } = new Dictionary<string, string>();

    /// <summary>All its files.</summary>
    public IEnumerable<ImageFile> Files()
    {
        yield return Kernel;
        if (Initramfs is not null)
        {
            yield return Initramfs;
        }

        if (RootDisk is not null)
        {
            yield return RootDisk;
        }
    }

    /// <summary>The manifest as JSON.</summary>
    public byte[] ToJson() => ImageJson.Write(this);

    /// <summary>Reads a manifest.</summary>
    /// <exception cref="InvalidDataException">It is not JSON, lacks something, is of a later version, or names a file outside its directory.</exception>
    public static ImageManifest Parse(ReadOnlyMemory<byte> json)
    {
        try
        {
            ImageManifest manifest = ImageJson.Read(json);
            ImageFile? outside = manifest.Files().FirstOrDefault(f => f.File.Contains('/') || f.File is "" or "." or "..");
            return outside is null ? manifest : throw new InvalidDataException($"It names '{outside.File}', which is outside the image.");
        }
        catch (JsonException exception)
        {
            throw new InvalidDataException("It is not a manifest.", exception);
        }
    }
}
