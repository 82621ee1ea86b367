using System.Globalization;
using System.Net;
using System.Net.Sockets;
using MicroVm.Engine.State;

namespace MicroVm.Engine.Machines;

/// <summary>
/// Composes <see cref="KernelLine.Network"/>. A kernel that configures itself (CONFIG_IP_PNP) reads each <c>ip=</c> over the one before, field by field, IPv6 as
/// nonsense: the last one is eth0's for IPv4 and leaves no field empty that another may have filled.
/// </summary>
internal static class NetworkWords
{
    /// <summary>The address of an interface that asks for one.</summary>
    public const string Dhcp = "dhcp";

    private const string None = "0.0.0.0";

    /// <summary>The words.</summary>
    public static IReadOnlyList<string> Of(IReadOnlyList<MachineInterface> interfaces, string? hostname)
    {
        if (interfaces.Count == 0)
        {
            return [];
        }

        // Else udev gives its own names, by where the device is plugged in.
        List<string> words = ["net.ifnames=0"];
        string[] servers = [.. interfaces.SelectMany(i => i.NameServers).Distinct()];
        // Two at most go with the last word, the kernel's own.
        bool lastTakesServers = interfaces[0].Address is not null;
        string[] first = lastTakesServers ? [.. servers.Where(IsV4).Take(2)] : [];
        words.AddRange(servers.Except(first).Select(server => "nameserver=" + server));
        for (int i = interfaces.Count - 1; i >= 0; i--)
        {
            MachineInterface one = interfaces[i];
            string device = "eth" + i.ToString(CultureInfo.InvariantCulture);
            if (one.AddressV6 is { } six)
            {
                (string address, string prefix) = Split(six, "64");
                string gateway = one.GatewayV6 is { } via ? $"[{via}]" : "";
                words.Add($"ip=[{address}]::{gateway}:{prefix}:{hostname}:{device}:off");
            }

            if (one.Address is { } four)
            {
                bool isLast = i == 0;
                // What was said before must not shine through.
                string empty = isLast && words.Exists(IsAddressWord) ? None : "";
                string word = Four(four, one.Gateway, hostname, device, empty);
                words.Add(isLast ? word + Servers(first, empty) : word);
            }
        }

        if (!lastTakesServers && words.Exists(IsAddressWord))
        {
            // Whatever the kernel read into the words above is not to be.
            words.Add("ip=off");
        }

        return words;
    }

    private static string Four(string address, string? gateway, string? hostname, string device, string empty)
    {
        if (address == Dhcp)
        {
            return $"ip={empty}:{empty}:{empty}:{empty}:{hostname}:{device}:{Dhcp}";
        }

        (string host, string prefix) = Split(address, "32");
        return $"ip={host}:{empty}:{gateway ?? empty}:{Mask(prefix)}:{hostname}:{device}:off";
    }

    private static string Servers(string[] servers, string empty)
    {
        string[] both = [.. servers, .. Enumerable.Repeat(empty, 2 - servers.Length)];
        return both.All(server => server.Length == 0) ? "" : $":{both[0]}:{both[1]}".TrimEnd(':');
    }

    private static (string Address, string Prefix) Split(string text, string prefix) =>
        text.IndexOf('/', StringComparison.Ordinal) is var slash and >= 0 ? (text[..slash], text[(slash + 1)..]) : (text, prefix);

    private static string Mask(string prefix)
    {
        int length = int.Parse(prefix, NumberStyles.None, CultureInfo.InvariantCulture);
        uint mask = length == 0 ? 0 : uint.MaxValue << (32 - length);
        return new IPAddress([(byte)(mask >> 24), (byte)(mask >> 16), (byte)(mask >> 8), (byte)mask]).ToString();
    }

    private static bool IsAddressWord(string word) => word.StartsWith("ip=", StringComparison.Ordinal);

    private static bool IsV4(string text) => IPAddress.TryParse(text, out IPAddress? address) && address.AddressFamily == AddressFamily.InterNetwork;
}
