using System.Text.Json;
using MicroVm.Engine.Errors;
using MicroVm.Engine.State;
using MicroVm.Engine.Storage;

namespace MicroVm.Engine.Machines;

/// <summary>Descriptions of VMs as files: JSON, names in camel case, sizes in bytes, nothing for what is left to its default.</summary>
internal static class SpecJson
{
    private const int CurrentVersion = 1;

    /// <summary>A description.</summary>
    public static byte[] Write(VirtualMachineSpec spec) => JsonFields.Write(writer =>
    {
        writer.WriteNumber("version", CurrentVersion);
        writer.WriteUnlessNull("name", spec.Name);
        writer.WriteUnlessNull("description", spec.Description);
        writer.WriteUnlessEmpty("tags", spec.Tags);
        writer.WriteUnlessNull("image", spec.Image);
        writer.WriteUnlessNull("kernelPath", spec.KernelPath);
        writer.WriteUnlessNull("initramfsPath", spec.InitramfsPath);
        writer.WriteUnlessNull("rootDiskPath", spec.RootDiskPath);
        writer.WriteString("kernelProfile", spec.KernelProfile.ToString());
        writer.WriteUnlessNull("initPath", spec.InitPath);
        writer.WriteTexts("kernelArguments", spec.KernelArguments);
        writer.WriteUnlessNull("hostname", spec.Hostname);
        writer.WriteTexts("authorizedKeys", spec.AuthorizedKeys);
        writer.WriteUnlessNull("userData", spec.UserData);
        writer.WriteString("hypervisor", spec.Hypervisor.ToString());
        writer.WriteUnlessNull("hypervisorPath", spec.HypervisorPath);
        writer.WriteString("accelerator", spec.Accelerator.ToString());
        writer.WriteNumber("cpuCount", spec.CpuCount);
        writer.WriteNumber("memoryBytes", spec.MemoryBytes);
        if (spec.DiskBytes is { } disk)
        {
            writer.WriteNumber("diskBytes", disk);
        }

        Write(writer, spec.Interfaces);
        if (spec.PublishedPorts.Count > 0)
        {
            writer.WriteTexts("publish", [.. spec.PublishedPorts.Select(port => port.ToString())]);
        }

        if (spec.Egress is { } egress)
        {
            writer.WriteTexts("egressPolicy", egress.ToTexts());
        }

        if (spec.Ephemeral)
        {
            writer.WriteBoolean("ephemeral", true);
        }
    });

    /// <summary>Reads a file; what it says of paths is relative to its directory.</summary>
    /// <exception cref="MicroVmException"><see cref="ErrorIds.InvalidMicroVmSpec"/>, <see cref="ErrorIds.FileNotFound"/>, or what is wrong with the file system.</exception>
    public static VirtualMachineSpec ReadFile(string path)
    {
        try
        {
            return Read(File.ReadAllBytes(path), Path.GetDirectoryName(Path.GetFullPath(path))!);
        }
        catch (Exception exception) when (exception is FileNotFoundException or DirectoryNotFoundException)
        {
            throw new MicroVmException(ErrorIds.FileNotFound, ErrorKind.NotFound, $"There is no description '{path}'.") { Target = path };
        }
        catch (JsonException exception)
        {
            throw new MicroVmException(ErrorIds.InvalidMicroVmSpec, ErrorKind.InvalidArgument, $"'{path}' does not describe a VM.", exception)
            {
                Target = path,
                RecommendedAction = "New-MicroVmSpec -Path writes such files.",
            };
        }
        catch (Exception exception) when (exception is IOException or UnauthorizedAccessException)
        {
            throw StorageErrors.Wrap(exception, path);
        }
    }

    /// <summary>Writes a file that its owner alone may read: keys and user data may be secrets.</summary>
    /// <exception cref="MicroVmException">What is wrong with the file system.</exception>
    public static void WriteFile(VirtualMachineSpec spec, string path)
    {
        try
        {
            AtomicFile.Write(Path.GetFullPath(path), Write(spec));
        }
        catch (Exception exception) when (exception is IOException or UnauthorizedAccessException)
        {
            throw StorageErrors.Wrap(exception, path);
        }
    }

    private static void Write(Utf8JsonWriter writer, IReadOnlyList<NetworkInterfaceSpec> interfaces)
    {
        if (interfaces.Count == 0)
        {
            return;
        }

        writer.WriteStartArray("interfaces");
        foreach (NetworkInterfaceSpec one in interfaces)
        {
            writer.WriteStartObject();
            writer.WriteString("mode", one.Mode.ToString());
            writer.WriteUnlessNull("name", one.Name);
            writer.WriteUnlessNull("networkNamespace", one.NetworkNamespace);
            writer.WriteUnlessNull("tapDevice", one.TapDevice);
            writer.WriteUnlessNull("macAddress", one.MacAddress);
            writer.WriteUnlessNull("ipAddress", one.IPAddress);
            writer.WriteUnlessNull("gateway", one.Gateway);
            writer.WriteEndObject();
        }

        writer.WriteEndArray();
    }

    private static NetworkInterfaceSpec ReadInterface(JsonFields fields, string directory)
    {
        NetworkInterfaceSpec one = new()
        {
            Mode = fields.Choice<NetworkMode>("mode"),
            Name = fields.TextOrNull("name"),
            // What has no slash is a name of "ip netns".
            NetworkNamespace = fields.TextOrNull("networkNamespace") is { } given && given.Contains('/', StringComparison.Ordinal)
                ? Path.GetFullPath(given, directory)
                : fields.TextOrNull("networkNamespace"),
            TapDevice = fields.TextOrNull("tapDevice"),
            MacAddress = fields.TextOrNull("macAddress"),
            IPAddress = fields.TextOrNull("ipAddress"),
            Gateway = fields.TextOrNull("gateway"),
        };
        fields.RequireNoOthers();
        return one;
    }

    private static VirtualMachineSpec Read(byte[] json, string directory) => JsonFields.Read(
        json,
        fields =>
        {
            int version = fields.SmallNumber("version");
            if (version != CurrentVersion)
            {
                throw new JsonException($"Its version is {version}; this engine reads {CurrentVersion}.");
            }

            string? PathOf(string name) => fields.TextOrNull(name) is { Length: > 0 } given ? Path.GetFullPath(given, directory) : null;
            VirtualMachineSpec defaults = new();
            VirtualMachineSpec spec = new()
            {
                Name = fields.TextOrNull("name"),
                Description = fields.TextOrNull("description"),
                Tags = fields.Map("tags"),
                Image = fields.TextOrNull("image"),
                KernelPath = PathOf("kernelPath"),
                InitramfsPath = PathOf("initramfsPath"),
                RootDiskPath = PathOf("rootDiskPath"),
                KernelProfile = fields.TextOrNull("kernelProfile") is null ? defaults.KernelProfile : fields.Choice<KernelProfile>("kernelProfile"),
                InitPath = fields.TextOrNull("initPath"),
                KernelArguments = fields.Texts("kernelArguments"),
                Hostname = fields.TextOrNull("hostname"),
                AuthorizedKeys = fields.Texts("authorizedKeys"),
                UserData = fields.TextOrNull("userData"),
                Hypervisor = fields.TextOrNull("hypervisor") is null ? defaults.Hypervisor : fields.Choice<HypervisorKind>("hypervisor"),
                HypervisorPath = PathOf("hypervisorPath"),
                Accelerator = fields.TextOrNull("accelerator") is null ? defaults.Accelerator : fields.Choice<AcceleratorKind>("accelerator"),
                CpuCount = fields.SmallNumberOrNull("cpuCount") ?? defaults.CpuCount,
                MemoryBytes = fields.NumberOrNull("memoryBytes") ?? defaults.MemoryBytes,
                DiskBytes = fields.NumberOrNull("diskBytes"),
                Interfaces = fields.Objects("interfaces").Select(one => ReadInterface(one, directory)).ToArray(),
                PublishedPorts = fields.Texts("publish").Select(text => PublishedPort.TryParse(text) ?? throw new JsonException($"'{text}' is no port to publish.")).ToArray(),
                Egress = fields.Texts("egressPolicy") is { Count: > 0 } texts
                    ? EgressPolicy.TryParse(texts) ?? throw new JsonException($"'{string.Join(", ", texts)}' is no egress policy.")
                    : null,
                Ephemeral = fields.Flag("ephemeral"),
            };
            fields.RequireNoOthers();
            return spec;
        },
        isStrict: true);
}
