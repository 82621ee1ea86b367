using System.Globalization;
using MicroVm.Engine.Errors;

namespace MicroVm.Engine.Network;

/// <summary>Which IP versions lead out of the calling thread's network namespace, as anybody may know it (/proc/net/route and ipv6_route, proc(5)).</summary>
/// <param name="Four">Whether there is a default route of IPv4.</param>
/// <param name="Six">Whether there is one of IPv6.</param>
internal readonly record struct DefaultRoutes(bool Four, bool Six)
{
    // RTF_UP without RTF_REJECT.
    private const uint Up = 0x1;
    private const uint Reject = 0x200;
    private const string NowhereV6 = "00000000000000000000000000000000";

    /// <summary>Looks at the routes.</summary>
    public static DefaultRoutes Look() => new(Any("route", IsDefaultV4), Any("ipv6_route", IsDefaultV6));

    /// <summary>The error when there is none of IPv4.</summary>
    public static MicroVmException None() => new(ErrorIds.NoDefaultRoute, ErrorKind.ResourceUnavailable, "The host has no default route of IPv4.")
    {
        RecommendedAction = "Connect the host to a network: ip route shows its routes.",
    };

    private static bool Any(string file, Func<string[], bool> matches)
    {
        string path = $"/proc/thread-self/net/{file}";
        // A kernel may be without IPv6.
        return File.Exists(path) && File.ReadLines(path).Any(line => matches(line.Split([' ', '\t'], StringSplitOptions.RemoveEmptyEntries)));
    }

    // Interface, destination, gateway, flags, …, mask.
    private static bool IsDefaultV4(string[] fields) => fields is [_, "00000000", _, var flags, _, _, _, "00000000", ..] && IsUsable(flags);

    // Destination, its prefix, source, its prefix, gateway, metric, uses, uses, flags, interface.
    private static bool IsDefaultV6(string[] fields) => fields is [NowhereV6, "00", _, _, _, _, _, _, var flags, not "lo"] && IsUsable(flags);

    private static bool IsUsable(string flags) =>
        uint.TryParse(flags, NumberStyles.AllowHexSpecifier, CultureInfo.InvariantCulture, out uint value) && (value & (Up | Reject)) == Up;
}
