using System.Reflection;

namespace MicroVm.Engine.Storage;

/// <summary>The guest's own scripts and tables, which are resources of this assembly (the directory <c>Storage/Guest</c>).</summary>
internal static class GuestFiles
{
    private const UnixFileMode Program = (UnixFileMode)0b111_101_101;
    private const UnixFileMode Data = (UnixFileMode)0b110_100_100;

    /// <summary>The files: path in the guest, permissions, and the name of the resource.</summary>
    public static IReadOnlyList<(string Path, UnixFileMode Mode, string Resource)> All { get; } =
    [
        ("init", Program, "init.sh"),
        ("etc/fstab", Data, "fstab"),
        ("etc/group", Data, "group"),
        ("etc/inittab", Data, "inittab"),
        ("etc/passwd", Data, "passwd"),
        ("etc/profile", Data, "profile"),
        ("lib/microvm/configure", Program, "configure.sh"),
        ("lib/microvm/console", Program, "console.sh"),
        ("lib/microvm/dhcp", Program, "dhcp.sh"),
        ("lib/microvm/network", Data, "network.sh"),
        ("lib/microvm/services", Program, "services.sh"),
        ("lib/microvm/setup", Program, "setup.sh"),
        ("lib/microvm/shutdown", Program, "shutdown.sh"),
    ];

    /// <summary>The content of a resource.</summary>
    public static byte[] Read(string resource)
    {
        using Stream stream = Assembly.GetExecutingAssembly().GetManifestResourceStream("Guest/" + resource)
            ?? throw new InvalidOperationException($"The assembly lacks the resource '{resource}'.");
        using MemoryStream content = new();
        stream.CopyTo(content);
        return content.ToArray();
    }
}
