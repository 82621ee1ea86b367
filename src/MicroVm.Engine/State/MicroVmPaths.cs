using MicroVm.Engine.Native;

namespace MicroVm.Engine.State;

/// <summary>
/// Where everything lives. <c>MICROVM_HOME</c> moves all of it; else root uses <c>/run/microvm</c> and <c>/var/lib/microvm</c>, others
/// <c>$XDG_RUNTIME_DIR/microvm</c> and <c>$XDG_DATA_HOME/microvm</c>.
/// </summary>
public sealed record MicroVmPaths
{
    /// <summary>Makes the paths below two roots.</summary>
    public MicroVmPaths(string runDirectory, string dataDirectory)
    {
        RunDirectory = runDirectory;
        DataDirectory = dataDirectory;
    }

    /// <summary>Sockets and other things that need not outlive a reboot.</summary>
    public string RunDirectory { get; }

    /// <summary>One file per network link that is ready for a VM to come.</summary>
    public string SpareLinksDirectory => Path.Combine(RunDirectory, "spares");

    /// <summary>VMs, snapshots and images.</summary>
    public string DataDirectory { get; }

    /// <summary>One directory per VM, named by its id.</summary>
    public string MachinesDirectory => Path.Combine(DataDirectory, "vms");

    /// <summary>One claim per VM name.</summary>
    public string NamesDirectory => Path.Combine(DataDirectory, "names");

    /// <summary>One claim per network slot.</summary>
    public string SlotsDirectory => Path.Combine(DataDirectory, "network", "slots");

    /// <summary>One claim per port of the host's that leads to a guest.</summary>
    public string PortsDirectory => Path.Combine(DataDirectory, "network", "ports");

    /// <summary>One file per named network.</summary>
    public string NetworksDirectory => Path.Combine(DataDirectory, "network", "networks");

    /// <summary>What was set for the host.</summary>
    public string HostSettingsFile => Path.Combine(DataDirectory, "host.json");

    /// <summary>One directory per snapshot, named by its id.</summary>
    public string SnapshotsDirectory => Path.Combine(DataDirectory, "snapshots");

    /// <summary>One directory per image, named by its name in lower case.</summary>
    public string ImagesDirectory => Path.Combine(DataDirectory, "images");

    /// <summary>What can be made again at any time: disk templates, probe results.</summary>
    public string CacheDirectory => Path.Combine(DataDirectory, "cache");

    /// <summary>The paths for the present user and environment.</summary>
    public static MicroVmPaths FromEnvironment()
    {
        string? home = Environment.GetEnvironmentVariable("MICROVM_HOME");
        if (!string.IsNullOrEmpty(home))
        {
            string root = Path.GetFullPath(home);
            return new MicroVmPaths(Path.Combine(root, "run"), Path.Combine(root, "data"));
        }

        if (Credentials.EffectiveUserId == 0)
        {
            return new MicroVmPaths("/run/microvm", "/var/lib/microvm");
        }

        string data = Path.Combine(
            Environment.GetEnvironmentVariable("XDG_DATA_HOME") is { Length: > 0 } x
                ? x
                : Path.Combine(Environment.GetFolderPath(Environment.SpecialFolder.UserProfile), ".local", "share"),
            "microvm");
        string? runtime = Environment.GetEnvironmentVariable("XDG_RUNTIME_DIR");
        return new MicroVmPaths(string.IsNullOrEmpty(runtime) ? Path.Combine(data, "run") : Path.Combine(runtime, "microvm"), data);
    }
}
