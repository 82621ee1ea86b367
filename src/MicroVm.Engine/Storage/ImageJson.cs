using System.Text.Json;
using MicroVm.Engine.State;

namespace MicroVm.Engine.Storage;

/// <summary>How image manifests are written. They may come from elsewhere, so nothing in them is passed over.</summary>
internal static class ImageJson
{
    /// <summary>A manifest.</summary>
    public static byte[] Write(ImageManifest manifest) => JsonFields.Write(writer =>
    {
        writer.WriteNumber("version", manifest.Version);
        writer.WriteString("name", manifest.Name);
        writer.WriteUnlessNull("description", manifest.Description);
        writer.WriteString("createdAt", manifest.CreatedAt);
        writer.WriteStartObject("kernel");
        writer.WriteUnlessNull("release", manifest.Kernel.Release);
        writer.WriteString("format", manifest.Kernel.Format.ToString());
        WriteFile(writer, manifest.Kernel);
        writer.WriteEndObject();
        Write(writer, "initramfs", manifest.Initramfs);
        Write(writer, "rootDisk", manifest.RootDisk);
        writer.WriteTexts("kernelArguments", manifest.KernelArguments);
        writer.WriteUnlessNull("readyMarker", manifest.ReadyMarker);
        writer.WriteNumber("minimumMemoryBytes", manifest.MinimumMemoryBytes);
        writer.WriteBoolean("usesOverlayDisk", manifest.UsesOverlayDisk);
        writer.WriteBoolean("usesConfigurationDisk", manifest.UsesConfigurationDisk);
        writer.WriteBoolean("usesNetworkArguments", manifest.UsesNetworkArguments);
        writer.WriteStartObject("packages");
        foreach ((string package, string version) in manifest.Packages)
        {
            writer.WriteString(package, version);
        }

        writer.WriteEndObject();
    });

    /// <summary>Reads a manifest.</summary>
    /// <exception cref="JsonException">It is none, or has something unknown in it.</exception>
    /// <exception cref="InvalidDataException">It is of a later version.</exception>
    public static ImageManifest Read(ReadOnlyMemory<byte> json) => JsonFields.Read(json, static fields =>
    {
        // The version first: what a later one adds would only be reported as an unknown member.
        int version = fields.SmallNumber("version");
        if (version > ImageManifest.CurrentVersion)
        {
            throw new InvalidDataException($"It is of version {version}; this engine reads up to {ImageManifest.CurrentVersion}.");
        }

        ImageManifest manifest = new()
        {
            Version = version,
            Name = fields.Text("name"),
            Description = fields.TextOrNull("description"),
            CreatedAt = fields.Time("createdAt"),
            Kernel = ReadKernel(fields.Object("kernel")),
            Initramfs = ReadFile(fields.ObjectOrNull("initramfs")),
            RootDisk = ReadFile(fields.ObjectOrNull("rootDisk")),
            KernelArguments = fields.Texts("kernelArguments"),
            ReadyMarker = fields.TextOrNull("readyMarker"),
            MinimumMemoryBytes = fields.Number("minimumMemoryBytes"),
            UsesOverlayDisk = fields.Flag("usesOverlayDisk"),
            UsesConfigurationDisk = fields.Flag("usesConfigurationDisk"),
            UsesNetworkArguments = fields.Flag("usesNetworkArguments"),
            Packages = fields.Map("packages"),
        };
        fields.RequireNoOthers();
        return manifest;
    }, isStrict: true);

    private static void Write(Utf8JsonWriter writer, string name, ImageFile? file)
    {
        if (file is not null)
        {
            writer.WriteStartObject(name);
            WriteFile(writer, file);
            writer.WriteEndObject();
        }
    }

    private static void WriteFile(Utf8JsonWriter writer, ImageFile file)
    {
        writer.WriteString("file", file.File);
        writer.WriteString("sha256", file.Sha256);
        writer.WriteNumber("bytes", file.Bytes);
    }

    private static KernelFile ReadKernel(JsonFields fields)
    {
        KernelFile kernel = new()
        {
            Release = fields.TextOrNull("release"),
            Format = fields.Choice<KernelFormat>("format"),
            File = fields.Text("file"),
            Sha256 = fields.Text("sha256"),
            Bytes = fields.Number("bytes"),
        };
        fields.RequireNoOthers();
        return kernel;
    }

    private static ImageFile? ReadFile(JsonFields? fields)
    {
        if (fields is null)
        {
            return null;
        }

        ImageFile file = new() { File = fields.Text("file"), Sha256 = fields.Text("sha256"), Bytes = fields.Number("bytes") };
        fields.RequireNoOthers();
        return file;
    }
}
