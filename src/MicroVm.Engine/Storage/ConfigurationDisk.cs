using System.Text;
using MicroVm.Engine.State;

namespace MicroVm.Engine.Storage;

/// <summary>
/// The small read-only disk that tells a guest of itself: its host name, the keys that may log in, user data, and its network. It is what cloud-init calls a NoCloud
/// seed, a file system named <c>cidata</c> with the files <c>meta-data</c>, <c>user-data</c> and, where there are interfaces, <c>network-config</c>; the init of image
/// "base" reads the same but for the last, of which its kernel's command line tells. It never changes, so a snapshot and its clones have copies.
/// </summary>
internal static class ConfigurationDisk
{
    private const string Volume = "cidata";

    /// <summary>Makes a disk, durable when its directory is.</summary>
    /// <param name="path">The file to make; only its owner may read it, for user data may hold secrets.</param>
    /// <param name="id">The VM's id. A guest does what is done once per instance when it first sees it.</param>
    /// <param name="hostname">The host name.</param>
    /// <param name="keys">Public keys, a line each.</param>
    /// <param name="userData">User data, given to the guest as it is; null for none.</param>
    /// <param name="interfaces">The network interfaces.</param>
    /// <exception cref="IOException">The disk is full, for one.</exception>
    public static void Create(
        string path, Guid id, string hostname, IReadOnlyList<string> keys, string? userData, IReadOnlyList<MachineInterface>? interfaces = null)
    {
        // The first two have to be there, or cloud-init takes the disk for something else. Without the third it asks for addresses by DHCP.
        (string Name, byte[] Content)[] files = [("meta-data", MetaData(id, hostname, keys)), ("user-data", Encoding.UTF8.GetBytes(userData ?? ""))];
        byte[] image = Iso9660.Make(Volume, interfaces is { Count: > 0 } ? [files[0], ("network-config", NetworkConfiguration.Of(interfaces)), files[1]] : files);
        FileStreamOptions options = new()
        {
            Mode = FileMode.CreateNew,
            Access = FileAccess.Write,
            UnixCreateMode = UnixFileMode.UserRead | UnixFileMode.UserWrite,
        };
        using FileStream file = new(path, options);
        file.Write(image);
        file.Flush(flushToDisk: true);
    }

    /// <summary>
    /// Copies the disk, if there is one, from a VM's directory to a snapshot's or back. One that is there already stays: a VM's disk is the same as that of its
    /// snapshots.
    /// </summary>
    public static void Copy(BootSource boot, string from, string to)
    {
        string target = Path.Combine(to, BootSource.ConfigurationFile);
        if (boot.HasConfigurationDisk && !File.Exists(target))
        {
            File.Copy(Path.Combine(from, BootSource.ConfigurationFile), target);
        }
    }

    /// <summary>The meta-data: YAML that a shell can read line by line. The keys are a block of text, where nothing needs quotes.</summary>
    public static byte[] MetaData(Guid id, string hostname, IReadOnlyList<string> keys)
    {
        StringBuilder text = new();
        text.Append("instance-id: ").Append(id).Append('\n');
        text.Append("local-hostname: ").Append(hostname).Append('\n');
        if (keys.Count > 0)
        {
            text.Append("public-keys: |\n");
            foreach (string key in keys)
            {
                text.Append("  ").Append(key).Append('\n');
            }
        }

        return Encoding.UTF8.GetBytes(text.ToString());
    }
}
