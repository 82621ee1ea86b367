using System.Net;
using System.Text;
using MicroVm.Engine.Native;

namespace MicroVm.Engine.Network;

/// <summary>
/// Keeps a guest on a bridge of the host's from passing for others: one table of the packet filter for all of them, in which a guest is an element or three. For the
/// network thread.
/// </summary>
internal static class BridgeFilter
{
    private const string Table = "microvm";
    private const string Sources = "sources";
    private const string Fixed = "fixed";
    private const string Addresses = "addresses";
    private const int NameBytes = 16;

    // Increase it, here and in BridgeRuleset.nft, with every change of that.
    private const string VersionChain = "version1";

    private static readonly string[] s_sets = [Sources, Fixed, Addresses];
    private static readonly TimeSpan s_loadLimit = TimeSpan.FromSeconds(30);

    /// <summary>Lets a guest send as itself; loads the table if it is not there.</summary>
    /// <param name="sockets">The network thread's.</param>
    /// <param name="link">The device the guest is behind.</param>
    /// <param name="mac">The guest's hardware address.</param>
    /// <param name="address">The guest's IPv4 address, if it may have no other.</param>
    public static void Attach(HostSockets sockets, string link, ReadOnlySpan<byte> mac, IPAddress? address)
    {
        Ensure(sockets);
        byte[] name = NameOf(link);
        // Every field is padded to four bytes.
        NftBatch batch = new NftBatch(NftFamily.Bridge, Table).AddElement(Sources, [.. name, .. mac, 0, 0]);
        if (address is not null)
        {
            batch.AddElement(Fixed, name).AddElement(Addresses, [.. name, .. address.GetAddressBytes()]);
        }

        batch.Send(sockets.Netfilter, "let the guest use the bridge");
    }

    /// <summary>Removes what is there of a device; nothing there is no error.</summary>
    public static void Detach(HostSockets sockets, string link)
    {
        byte[] name = NameOf(link);
        NftBatch batch = new(NftFamily.Bridge, Table);
        foreach ((string set, NftElement element) in Elements(sockets))
        {
            if (element.Key.AsSpan().StartsWith(name))
            {
                batch.RemoveElement(set, element.Key);
            }
        }

        if (batch.Count > 0)
        {
            batch.Send(sockets.Netfilter, "forget the guest of the bridge");
        }
    }

    /// <summary>The devices of which something is there.</summary>
    public static IReadOnlyList<string> Links(HostSockets sockets) =>
        [.. Elements(sockets).Select(entry => Encoding.ASCII.GetString(entry.Element.Key.AsSpan(0, NameBytes).TrimEnd((byte)0))).Distinct()];

    private static IEnumerable<(string Set, NftElement Element)> Elements(HostSockets sockets) =>
        s_sets.SelectMany(set => NftQueries.Elements(sockets.Netfilter, NftFamily.Bridge, Table, set).Select(element => (set, element)));

    private static void Ensure(HostSockets sockets)
    {
        if (NftQueries.FindChain(sockets.Netfilter, NftFamily.Bridge, Table, VersionChain) is not null)
        {
            return;
        }

        // Of another version: its guests stay.
        (string Set, NftElement Element)[] kept = [.. Elements(sockets)];
        using Stream stream = typeof(BridgeFilter).Assembly.GetManifestResourceStream("Network/BridgeRuleset.nft")!;
        using StreamReader reader = new(stream);
        Load($"table bridge {Table}\ndelete table bridge {Table}\n{reader.ReadToEnd()}");
        if (kept.Length > 0)
        {
            NftBatch batch = new(NftFamily.Bridge, Table);
            Array.ForEach(kept, entry => batch.AddElement(entry.Set, entry.Element.Key));
            batch.Send(sockets.Netfilter, "let the guests use the bridge");
        }
    }

    private static void Load(string rules)
    {
        HostTool nft = new("nft", "nftables");
        string program = nft.Find() ?? throw FirewallErrors.NoProgram(nft.Name);
        (ProcessExit? exit, string words) = ThreadTool.Run(program, ["-f", "-"], rules, s_loadLimit);
        if (exit?.Code != 0)
        {
            throw FirewallErrors.NotLoaded(exit, words);
        }
    }

    private static byte[] NameOf(string link)
    {
        byte[] name = new byte[NameBytes];
        Encoding.ASCII.GetBytes(link, name);
        return name;
    }
}
