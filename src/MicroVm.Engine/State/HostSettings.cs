using System.Net;
using System.Text.Json;
using MicroVm.Engine.Errors;

namespace MicroVm.Engine.State;

/// <summary>What was set for the host; a file that is not there means the defaults.</summary>
internal sealed record HostSettings
{
    private const int CurrentVersion = 1;

    /// <summary>The addresses VMs are given.</summary>
    public IPNetwork AddressPool { get; init; } = IPNetwork.Parse("198.18.128.0/17");

    /// <summary>The IPv6 addresses VMs are given; null for none.</summary>
    public IPNetwork? AddressPoolV6 { get; init; } = IPNetwork.Parse("fd6d:6963:766e::/64");

    /// <summary>How many links are kept ready.</summary>
    public int SpareSlots { get; init; }

    /// <summary>Reads the settings.</summary>
    /// <exception cref="MicroVmException"><see cref="ErrorIds.StateCorrupt"/>.</exception>
    public static HostSettings Read(MicroVmPaths paths)
    {
        try
        {
            return Read(File.ReadAllBytes(paths.HostSettingsFile));
        }
        catch (Exception exception) when (exception is FileNotFoundException or DirectoryNotFoundException)
        {
            return new HostSettings();
        }
        catch (JsonException exception)
        {
            throw new MicroVmException(ErrorIds.StateCorrupt, ErrorKind.InvalidData, "The host's settings are damaged.", exception)
            {
                Target = paths.HostSettingsFile,
                RecommendedAction = "Delete the file and set them again: Set-MicroVmHost",
            };
        }
    }

    /// <summary>Writes the settings.</summary>
    public void Write(MicroVmPaths paths)
    {
        MachineStore.MakeLastingDirectory(paths.DataDirectory);
        AtomicFile.Write(paths.HostSettingsFile, JsonFields.Write(writer =>
        {
            writer.WriteNumber("version", CurrentVersion);
            writer.WriteString("addressPool", AddressPool.ToString());
            writer.WriteString("addressPoolV6", AddressPoolV6?.ToString() ?? "");
            writer.WriteNumber("spareSlots", SpareSlots);
        }));
    }

    private static HostSettings Read(byte[] json) => JsonFields.Read(json, fields =>
    {
        int version = fields.SmallNumber("version");
        return version == CurrentVersion
            ? new HostSettings
            {
                AddressPool = PoolOf(fields.Text("addressPool")),
                AddressPoolV6 = fields.Text("addressPoolV6") is { Length: > 0 } six ? PoolOf(six) : null,
                SpareSlots = fields.SmallNumber("spareSlots"),
            }
            : throw new JsonException($"Its version is {version}; this engine reads {CurrentVersion}.");
    });

    private static IPNetwork PoolOf(string text) => IPNetwork.TryParse(text, out IPNetwork pool) ? pool : throw new JsonException($"'{text}' is no network.");
}
