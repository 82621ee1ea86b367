using System.Globalization;
using MicroVm.Engine.Errors;
using MicroVm.Engine.Native;
using MicroVm.Engine.Network;

namespace MicroVm.Engine.Hosts;

/// <summary>Looks at what networks need of the host. VMs work without one, so nothing here is more than a warning; nothing is changed.</summary>
internal static class NetworkChecks
{
    private const string Forwarding = "/proc/sys/net/ipv4/ip_forward";
    private const int NetworkAdministration = 12;
    private const int SystemAdministration = 21;

    private static readonly string[] s_drivers = ["veth", "nf_tables"];

    /// <summary>The checks, made as they are asked for.</summary>
    /// <param name="host">The host's network.</param>
    public static IEnumerable<HostCheck> All(HostNetwork host)
    {
        yield return Rights();
        yield return Tap();
        yield return PacketFilter();
        yield return OtherFirewalls(host);
        yield return Kernel();
        yield return Forwards();
        yield return UserMode();
        yield return NameServers();
    }

    private static HostCheck Rights()
    {
        const string Name = "NetworkRights";
        string? capabilities = File.ReadLines("/proc/thread-self/status").FirstOrDefault(line => line.StartsWith("CapEff:", StringComparison.Ordinal));
        ulong mask = ulong.TryParse(capabilities?[7..].Trim(), NumberStyles.AllowHexSpecifier, CultureInfo.InvariantCulture, out ulong value) ? value : 0;
        return ((mask >> NetworkAdministration) & (mask >> SystemAdministration) & 1) != 0
            ? Ok(Name, "This user may change the host's network: Nat, named networks and bridges work.")
            : Warning(Name, "This user may not change the host's network: only the network User works.", "Run pwsh as root (sudo pwsh), or grant CAP_NET_ADMIN and CAP_SYS_ADMIN.");
    }

    private static HostCheck Tap()
    {
        try
        {
            TunFile.Open().Dispose();
            return Ok("Tap", $"{TunFile.Path} opens.");
        }
        catch (LinuxException exception)
        {
            MicroVmException error = NetworkErrors.OfLink(exception);
            return Warning("Tap", $"{error.Message} Only the network User works.", error.RecommendedAction ?? "");
        }
    }

    private static HostCheck PacketFilter() => ProgramFinder.Find("nft") is { } path
        ? Ok("Nft", $"{path} loads the rules for VMs.")
        : Warning("Nft", "nft is not installed: Nat, named networks and bridges do not work.", "apt-get install nftables, or dnf install nftables");

    private static HostCheck OtherFirewalls(HostNetwork host)
    {
        const string Name = "OtherFirewalls";
        try
        {
            IReadOnlyList<FirewallWarning> found = host.Run(ForeignFirewalls.Survey);
            return found.Count == 0
                ? Ok(Name, "No other firewall is in the way of VMs' packets.")
                : Warning(Name, string.Join(" ", found.Select(one => one.Message)), string.Join("; ", found.Select(one => one.Action)));
        }
        catch (LinuxException)
        {
            return Ok(Name, "What other firewalls do cannot be seen by this user.");
        }
    }

    // What is built in or can be loaded; no lists, as in a container, say nothing.
    private static HostCheck Kernel()
    {
        const string Name = "NetworkDrivers";
        string directory = $"/lib/modules/{File.ReadAllText("/proc/sys/kernel/osrelease").Trim()}";
        string[] lists = [.. new[] { "modules.builtin", "modules.dep" }.Select(file => Path.Combine(directory, file)).Where(File.Exists)];
        string[] missing = lists.Length == 0
            ? []
            : [.. s_drivers.Where(driver => !Directory.Exists($"/sys/module/{driver}") && !lists.Any(list => File.ReadLines(list).Any(line => IsOf(line, driver))))];
        return lists.Length == 0 ? Ok(Name, $"What the kernel has cannot be told: {directory} lists nothing. Nat needs {string.Join(" and ", s_drivers)}.")
            : missing.Length == 0 ? Ok(Name, $"The kernel has {string.Join(" and ", s_drivers)}.")
            : Warning(Name, $"The kernel lacks {string.Join(" and ", missing)}: Nat and named networks do not work.", "Use a kernel with CONFIG_VETH and CONFIG_NF_TABLES; after an upgrade of the kernel, reboot.");
    }

    private static bool IsOf(string line, string driver) => Path.GetFileName(line.Split(':')[0]).StartsWith($"{driver}.ko", StringComparison.Ordinal);

    private static HostCheck Forwards()
    {
        const string Name = "Forwarding";
        return File.Exists(Forwarding) && File.ReadAllText(Forwarding).Trim() != "0"
            ? Ok(Name, "The host hands on IPv4 packets.")
            : Warning(Name, "The host does not hand on IPv4 packets; the first VM with the network Nat switches that on.", "sysctl -w net.ipv4.ip_forward=1");
    }

    private static HostCheck UserMode()
    {
        const string Name = "Passt";
        try
        {
            PasstProgram passt = PasstProgram.Find();
            return passt.KeepsLoopback
                ? Ok(Name, $"{passt.Path} makes the network User.")
                : Warning(
                    Name,
                    $"{passt.Path} makes the network User, but is of the versions with which root in a guest can reach what listens on the host's loopback, by sending to 127.0.0.1.",
                    "Install a newer passt (2024 or later), or do not run what is not trusted with -Network User.");
        }
        catch (MicroVmException exception)
        {
            return Warning(Name, $"{exception.Message} The network User does not work.", exception.RecommendedAction ?? PasstProgram.Advice);
        }
    }

    private static HostCheck NameServers()
    {
        Resolvers resolvers = Resolvers.Read();
        return resolvers.Warning is null
            ? Ok("Resolver", $"Guests ask {string.Join(", ", resolvers.Addresses)} for names.")
            : Warning("Resolver", resolvers.Warning, "Name one in /etc/resolv.conf that guests can reach, or run systemd-resolved.");
    }

    private static HostCheck Ok(string name, string detail) => new() { Name = name, Status = HostCheckStatus.Ok, Detail = detail };

    private static HostCheck Warning(string name, string detail, string fix) => new() { Name = name, Status = HostCheckStatus.Warning, Detail = detail, Fix = fix };
}
