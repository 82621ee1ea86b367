using System.Buffers.Binary;
using System.Net;
using System.Net.Sockets;
using System.Text;

namespace MicroVm.Engine.Network;

/// <summary>The elements that a VM is in the table, byte for byte as its sets and maps have them: every field padded to four bytes.</summary>
internal static class FirewallElements
{
    /// <summary>The maps and sets whose keys begin with a link's name.</summary>
    public static readonly IReadOnlyList<string> OfLinks = ["sources4", "sources6", .. EgressChain.Sets, "networks", "members", "nameservers"];

    /// <summary>The maps of published ports.</summary>
    public static readonly IReadOnlyList<string> OfPorts = ["ports4", "ports6", "all-ports4", "all-ports6"];

    private const int NameBytes = 16;

    /// <summary>What belongs to the VM's link.</summary>
    public static IEnumerable<FirewallElement> OfLink(FirewallEntry entry)
    {
        byte[] link = LinkKey(entry.LinkName);
        yield return new FirewallElement("sources4", link, entry.U4.GetAddressBytes());
        if (entry.U6 is not null)
        {
            yield return new FirewallElement("sources6", link, entry.U6.GetAddressBytes());
        }

        yield return EgressChain.ElementOf(link, entry.Egress);
        if (entry.Network is { } number)
        {
            byte[] network = BitConverter.GetBytes(number);
            yield return new FirewallElement("networks", link, network);
            yield return new FirewallElement("members", [.. link, .. network], []);
        }
    }

    /// <summary>What belongs to its ports, and stays when the VM gets another link.</summary>
    public static IEnumerable<FirewallElement> Of(FirewallEntry entry, IEnumerable<PublishedPort> ports)
    {
        foreach (PublishedPort port in ports)
        {
            IPAddress address = IPAddress.Parse(port.HostAddress);
            bool ipv6 = address.AddressFamily == AddressFamily.InterNetworkV6;
            IPAddress to = (ipv6 ? entry.U6 : entry.U4) ?? throw new ArgumentException($"{port} needs IPv6, which the VM has not.", nameof(ports));
            byte[] host = [port.Protocol == PortProtocol.Tcp ? (byte)6 : (byte)17, 0, 0, 0, .. Padded(port.HostPort)];
            byte[] data = [.. to.GetAddressBytes(), .. Padded(port.GuestPort)];
            string set = ipv6 ? "ports6" : "ports4";
            yield return IsAny(address) ? new FirewallElement("all-" + set, host, data) : new FirewallElement(set, [.. address.GetAddressBytes(), .. host], data);
        }
    }

    /// <summary>What leads a link's questions for names to a server.</summary>
    public static FirewallElement Of(string linkName, IPEndPoint nameServer) =>
        new("nameservers", LinkKey(linkName), [.. nameServer.Address.GetAddressBytes(), .. Padded(nameServer.Port)]);

    /// <summary>The key of a link.</summary>
    public static byte[] LinkKey(string name)
    {
        byte[] key = new byte[NameBytes];
        Encoding.ASCII.GetBytes(name, key);
        return key;
    }

    /// <summary>The link whose name a key begins with.</summary>
    public static string LinkOf(ReadOnlySpan<byte> key) => Encoding.ASCII.GetString(key[..NameBytes].TrimEnd((byte)0));

    /// <summary>What an element of <see cref="OfPorts"/> says.</summary>
    public static FirewallPort PortOf(string set, ReadOnlySpan<byte> key, ReadOnlySpan<byte> data)
    {
        ReadOnlySpan<byte> host = key[^8..];
        IPAddress any = set.EndsWith('6') ? IPAddress.IPv6Any : IPAddress.Any;
        string address = (key.Length > 8 ? new IPAddress(key[..^8]) : any).ToString();
        PortProtocol protocol = host[0] == 6 ? PortProtocol.Tcp : PortProtocol.Udp;
        return new FirewallPort(
            new PublishedPort(address, BinaryPrimitives.ReadUInt16BigEndian(host[4..]), BinaryPrimitives.ReadUInt16BigEndian(data[^4..]), protocol),
            new IPAddress(data[..^4]));
    }

    private static bool IsAny(IPAddress address) => address.Equals(IPAddress.Any) || address.Equals(IPAddress.IPv6Any);

    private static byte[] Padded(int port) => [(byte)(port >> 8), (byte)port, 0, 0];
}
