using System.Globalization;
using System.Net;
using System.Net.Sockets;

namespace MicroVm.Engine;

/// <summary>One rule of an egress policy. As text: <c>Allow|Deny [tcp|udp] address[/prefix][:port]</c>.</summary>
/// <param name="Allows">Whether it allows or denies.</param>
/// <param name="Protocol">Of one protocol only, or null for all.</param>
/// <param name="Destination">The addresses, such as "203.0.113.0/24" or "2001:db8::/32".</param>
/// <param name="Port">One port only, or null for all.</param>
public sealed record EgressRule(bool Allows, PortProtocol? Protocol, string Destination, int? Port)
{
    /// <summary>Reads "Allow 203.0.113.7", "Deny tcp 203.0.113.0/24:25", "Allow udp [2001:db8::]/32:53"; a port without a protocol is of TCP.</summary>
    /// <returns>Null when it is none of these.</returns>
    public static EgressRule? TryParse(string text)
    {
        string[] words = text.Split(' ', StringSplitOptions.RemoveEmptyEntries);
        bool? allows = words.FirstOrDefault()?.ToLowerInvariant() switch
        {
            "allow" => true,
            "deny" => false,
            _ => null,
        };
        PortProtocol? protocol = words.Length == 3
            ? words[1].ToLowerInvariant() switch
            {
                "tcp" => PortProtocol.Tcp,
                "udp" => PortProtocol.Udp,
                _ => null,
            }
            : null;
        if (allows is null || words.Length is < 2 or > 3 || (words.Length == 3 && protocol is null) || TryParseDestination(words[^1]) is not var (network, port))
        {
            return null;
        }

        return new EgressRule(allows.Value, protocol ?? (port is null ? null : PortProtocol.Tcp), network, port);
    }

    /// <inheritdoc/>
    public override string ToString()
    {
        string protocol = Protocol is { } one ? one.ToString().ToLowerInvariant() + " " : "";
        string network = Port is not null && Destination.Contains(':', StringComparison.Ordinal) ? "[" + Destination.Replace("/", "]/", StringComparison.Ordinal) : Destination;
        return string.Create(CultureInfo.InvariantCulture, $"{(Allows ? "Allow" : "Deny")} {protocol}{network}{(Port is { } port ? $":{port}" : "")}");
    }

    private static (string Network, int? Port)? TryParseDestination(string text)
    {
        string network = text;
        int? port = null;
        bool isBracketed = text.StartsWith('[');
        int colon = text.LastIndexOf(':');
        if (colon > 0 && (isBracketed ? colon > text.IndexOf(']', StringComparison.Ordinal) : text.IndexOf(':', StringComparison.Ordinal) == colon))
        {
            if (!int.TryParse(text[(colon + 1)..], NumberStyles.None, CultureInfo.InvariantCulture, out int number) || number is < 1 or > IPEndPoint.MaxPort)
            {
                return null;
            }

            (network, port) = (text[..colon], number);
        }

        if (isBracketed)
        {
            network = network.Replace("[", "", StringComparison.Ordinal).Replace("]", "", StringComparison.Ordinal);
        }

        if (!network.Contains('/', StringComparison.Ordinal))
        {
            network += network.Contains(':', StringComparison.Ordinal) ? "/128" : "/32";
        }

        // Bits beyond the prefix are refused: who writes them means something else.
        return IPNetwork.TryParse(network, out IPNetwork parsed)
            && (parsed.BaseAddress.AddressFamily == AddressFamily.InterNetworkV6 || parsed.ToString() == network)
                ? (parsed.ToString(), port)
                : null;
    }
}
