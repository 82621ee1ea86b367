using System.Net;
using System.Net.Sockets;

namespace MicroVm.Engine.Network;

/// <summary>The name servers that the host itself asks (resolv.conf(5)), for guests to ask as well.</summary>
/// <param name="Addresses">At most three of each family that guests can be led to, in their order.</param>
/// <param name="Warning">Why guests will find no names, or those without IPv6 will not; null when all is well.</param>
internal sealed record Resolvers(IReadOnlyList<IPAddress> Addresses, string? Warning)
{
    private const int Most = 3;

    /// <summary>Reads them.</summary>
    /// <param name="file">The file that programs of the host read.</param>
    /// <param name="behind">Where systemd-resolved says whom it asks itself. Its own addresses, 127.0.0.53 and .54, answer to programs of the host only.</param>
    public static Resolvers Read(string file = "/etc/resolv.conf", string behind = "/run/systemd/resolve/resolv.conf")
    {
        IReadOnlyList<IPAddress> all = Parse(file);
        IEnumerable<IPAddress> asked = all.Any(IsStub) ? [.. Parse(behind), .. all] : all;
        IPAddress[] usable = [.. asked.Where(IsReachable).Distinct().GroupBy(address => address.AddressFamily).SelectMany(family => family.Take(Most))];
        return new Resolvers(usable, WarningFor(all, usable, file));
    }

    private static string? WarningFor(IReadOnlyList<IPAddress> all, IPAddress[] usable, string file) =>
        usable.Any(address => address.AddressFamily == AddressFamily.InterNetwork) ? null
        : usable.Length > 0 ? $"{file} names name servers with IPv6 addresses only: guests without IPv6 will not find names."
        : all.Count > 0 ? $"{file} names no name server that guests can be led to: {string.Join(", ", all)}. They will not find names."
        : $"{file} names no name server: guests will not find names.";

    private static bool IsStub(IPAddress address) => address.ToString() is "127.0.0.53" or "127.0.0.54";

    // Of IPv6, neither the loopback nor an address that means something on one link only can be translated to.
    private static bool IsReachable(IPAddress address) =>
        !IsStub(address) && (address.AddressFamily == AddressFamily.InterNetwork ? !address.Equals(IPAddress.Any) : !IPAddress.IsLoopback(address) && !address.IsIPv6LinkLocal && !address.Equals(IPAddress.IPv6Any));

    private static List<IPAddress> Parse(string file)
    {
        List<IPAddress> found = [];
        try
        {
            foreach (string line in File.ReadLines(file))
            {
                // "nameserver", white space, the address; a comment may follow.
                if (line.Split((char[])[' ', '\t'], StringSplitOptions.RemoveEmptyEntries) is ["nameserver", var text, ..] && IPAddress.TryParse(text, out IPAddress? address))
                {
                    found.Add(address.IsIPv4MappedToIPv6 ? address.MapToIPv4() : address);
                }
            }
        }
        catch (Exception exception) when (exception is FileNotFoundException or DirectoryNotFoundException)
        {
            // None then; the resolver of the C library would ask 127.0.0.1.
            return [];
        }

        return found;
    }
}
