using System.Globalization;
using System.Net;
using System.Net.Sockets;

namespace MicroVm.Engine;

/// <summary>A port of the host's that leads to a port of a guest's. As text: <c>[address:]hostPort:guestPort[/tcp|udp]</c>.</summary>
/// <param name="HostAddress">The host's address, as text: "127.0.0.1" unless another was chosen; "0.0.0.0" and "::" are all.</param>
/// <param name="HostPort">The host's port; 0 in a request has a free one chosen.</param>
/// <param name="GuestPort">The guest's port.</param>
/// <param name="Protocol">The protocol.</param>
public sealed record PublishedPort(string HostAddress, int HostPort, int GuestPort, PortProtocol Protocol = PortProtocol.Tcp)
{
    /// <summary>Where a port is published when nothing else is said: on the host itself, for nobody else.</summary>
    public const string DefaultAddress = "127.0.0.1";

    /// <summary>Reads "8080:80", "192.0.2.1:8080:80", "[2001:db8::1]:53:53/udp"; ":80" and "80" have a free port of the host chosen.</summary>
    /// <returns>Null when it is none of these.</returns>
    public static PublishedPort? TryParse(string text)
    {
        string ports = text;
        PortProtocol protocol = PortProtocol.Tcp;
        int slash = text.LastIndexOf('/');
        if (slash >= 0)
        {
            // By name only: numbers would be taken as well.
            if (!char.IsAsciiLetter(text.ElementAtOrDefault(slash + 1)) || !Enum.TryParse(text[(slash + 1)..], ignoreCase: true, out protocol))
            {
                return null;
            }

            ports = text[..slash];
        }

        string address = DefaultAddress;
        if (ports.StartsWith('['))
        {
            int end = ports.IndexOf("]:", StringComparison.Ordinal);
            if (end < 0 || Canonical(ports[1..end], AddressFamily.InterNetworkV6) is not { } six)
            {
                return null;
            }

            (address, ports) = (six, ports[(end + 2)..]);
        }
        else if (ports.Split(':') is [var first, var host, var guest])
        {
            if (Canonical(first, AddressFamily.InterNetwork) is not { } four)
            {
                return null;
            }

            (address, ports) = (four, $"{host}:{guest}");
        }

        return ports.Split(':') switch
        {
            [var guest] when Port(guest, 1) is { } to => new PublishedPort(address, 0, to, protocol),
            ["", var guest] when Port(guest, 1) is { } to => new PublishedPort(address, 0, to, protocol),
            [var host, var guest] when Port(host, 0) is { } from && Port(guest, 1) is { } to => new PublishedPort(address, from, to, protocol),
            _ => null,
        };
    }

    /// <inheritdoc/>
    public override string ToString()
    {
        string address = HostAddress.Contains(':', StringComparison.Ordinal) ? $"[{HostAddress}]" : HostAddress;
        return string.Create(CultureInfo.InvariantCulture, $"{address}:{HostPort}:{GuestPort}/{Protocol.ToString().ToLowerInvariant()}");
    }

    private static string? Canonical(string text, AddressFamily family) =>
        // "1" and "0x7f.1" are addresses to the parser, and nobody's intention.
        IPAddress.TryParse(text, out IPAddress? address) && address.AddressFamily == family && !text.Contains('%', StringComparison.Ordinal)
        && (family == AddressFamily.InterNetworkV6 || address.ToString() == text)
            ? address.ToString()
            : null;

    private static int? Port(string text, int least) =>
        int.TryParse(text, NumberStyles.None, CultureInfo.InvariantCulture, out int port) && port >= least && port <= IPEndPoint.MaxPort ? port : null;
}
