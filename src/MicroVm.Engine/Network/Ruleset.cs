using System.Globalization;
using System.Net;
using System.Net.Sockets;
using System.Text;
using MicroVm.Engine.Native;

namespace MicroVm.Engine.Network;

/// <summary>The rules that all VMs of the host share, as text for nft(8), and the mark that says that they are there.</summary>
internal static class Ruleset
{
    /// <summary>The table.</summary>
    public const string Table = "microvm";

    /// <summary>The table's family.</summary>
    public const NftFamily Family = NftFamily.Inet;

    /// <summary>The set that says what is loaded.</summary>
    public const string Loaded = "loaded";

    // Increase it with every change of Ruleset.nft or QuotedRules.
    private const uint Version = 2;

    private static readonly Lazy<string> s_rules = new(ReadRules);

    /// <summary>The element of <see cref="Loaded"/> that says that the rules are there, in this version.</summary>
    public static byte[] VersionMark { get; } = Mark(IPAddress.IPv6None, 0);

    /// <summary>The element of <see cref="Loaded"/> that says that they are there for a pool.</summary>
    public static byte[] MarkOf(IPNetwork pool) => Mark(pool.BaseAddress.MapToIPv6(), (uint)pool.PrefixLength);

    /// <summary>What adds the pools to rules that are there.</summary>
    public static string PoolsText(IEnumerable<IPNetwork> pools)
    {
        StringBuilder text = new();
        foreach (IPNetwork pool in pools)
        {
            int family = pool.BaseAddress.AddressFamily == AddressFamily.InterNetworkV6 ? 6 : 4;
            text.Append(CultureInfo.InvariantCulture, $"add element inet {Table} pools{family} {{ {pool} }}\n");
        }

        return text.ToString();
    }

    /// <summary>What loads the rules, whatever version was there before, and adds the pools.</summary>
    public static string Text(IEnumerable<IPNetwork> pools) => string.Create(
        CultureInfo.InvariantCulture,
        $$"""
        define guest4 = {{SlotConstants.Guest}}
        define guest6 = {{SlotConstants.GuestV6}}
        define host4 = {{SlotConstants.HostEnd}}
        define dns4 = { {{string.Join(", ", SlotConstants.NameServers)}} }
        define dns6 = { {{string.Join(", ", SlotConstants.NameServersV6)}} }
        define names4 = {{NameServer.Address}}
        define links = "{{SlotConstants.LinkPrefix}}*"
        {{s_rules.Value}}
        {{PoolsText(pools)}}
        """);

    private static byte[] Mark(IPAddress address, uint number)
    {
        byte[] mark = new byte[24];
        BitConverter.TryWriteBytes(mark, Version);
        address.TryWriteBytes(mark.AsSpan(4), out _);
        BitConverter.TryWriteBytes(mark.AsSpan(20), number);
        return mark;
    }

    private static string ReadRules()
    {
        using Stream stream = typeof(Ruleset).Assembly.GetManifestResourceStream("Network/Ruleset.nft")!;
        using StreamReader reader = new(stream);
        return reader.ReadToEnd();
    }
}
