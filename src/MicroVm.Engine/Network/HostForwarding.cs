using MicroVm.Engine.Errors;
using MicroVm.Engine.Native;

namespace MicroVm.Engine.Network;

/// <summary>Whether the host hands on packets at all (net.ipv4.ip_forward, net.ipv6.conf.all.forwarding). To be called on the network thread.</summary>
internal static class HostForwarding
{
    private const string Four = "/proc/sys/net/ipv4/ip_forward";
    private const string Six = "/proc/sys/net/ipv6/conf/all/forwarding";

    /// <summary>Whether links can carry IPv6: the kernel has it, and it is switched off neither for all devices nor for new ones.</summary>
    public static bool CanCarryIPv6(HostSockets sockets) => sockets.HasIPv6
        && ((string[])["all", "default"]).All(scope => !IsOn($"/proc/sys/net/ipv6/conf/{scope}/disable_ipv6"));

    /// <summary>Switches it on where it is off; it stays on, for others may have come to need it.</summary>
    /// <param name="sockets">The host.</param>
    /// <param name="six">For IPv6 as well.</param>
    /// <returns>The settings that were changed, such as "net.ipv4.ip_forward = 1"; empty when all was on.</returns>
    /// <exception cref="MicroVmException"><see cref="ErrorIds.PermissionDenied"/>.</exception>
    public static IReadOnlyList<string> Ensure(HostSockets sockets, bool six)
    {
        List<string> changed = [];
        try
        {
            if (!IsOn(Four))
            {
                Set(Four, "1", changed);
            }

            if (six && !IsOn(Six))
            {
                KeepRouterAdvertisements(sockets, changed);
                Set(Six, "1", changed);
            }
        }
        catch (Exception exception) when (exception is IOException or UnauthorizedAccessException)
        {
            throw new MicroVmException(ErrorIds.PermissionDenied, ErrorKind.PermissionDenied, "The host does not hand on packets, and this user may not change that.", exception)
            {
                RecommendedAction = "As root: sysctl net.ipv4.ip_forward=1" + (six ? " net.ipv6.conf.all.forwarding=1" : ""),
            };
        }

        return changed;
    }

    // A host that hands on IPv6 believes no router any more, unless it is told to (accept_ra in Documentation/networking/ip-sysctl.rst): it would lose its own default route.
    private static void KeepRouterAdvertisements(HostSockets sockets, List<string> changed)
    {
        foreach (string device in HostRoutes.List(sockets).Where(route => route.Protocol == Rtnetlink.ProtocolRouterAdvertisement).Select(route => route.Device).OfType<string>().Distinct())
        {
            string path = $"/proc/sys/net/ipv6/conf/{device}/accept_ra";
            if (File.Exists(path) && File.ReadAllText(path).Trim() == "1")
            {
                Set(path, "2", changed);
            }
        }
    }

    private static bool IsOn(string path) => File.ReadAllText(path).Trim() != "0";

    private static void Set(string path, string value, List<string> changed)
    {
        File.WriteAllText(path, value);
        changed.Add($"{path["/proc/sys/".Length..].Replace('/', '.')} = {value}");
    }
}
