using System.Globalization;
using Microsoft.Win32.SafeHandles;
using MicroVm.Engine.Native;
using MicroVm.Engine.State;

namespace MicroVm.Engine.Network;

/// <summary>
/// What there is to know of a spare link: the name of an empty file, so that it is there whole or not at all and nothing has to be read. The name of a link is
/// never used again, so neither is that of its file.
/// </summary>
/// <param name="Link">The device on the host.</param>
/// <param name="Index">Its interface index.</param>
/// <param name="IPv6">Whether it carries IPv6 as well as IPv4.</param>
/// <param name="Mtu">The largest packet, in bytes.</param>
/// <param name="Host">The host's network namespace, by <see cref="Namespaces.IdentityOf"/>.</param>
/// <param name="Inside">The link's own.</param>
/// <param name="Descriptor">The number of the TAP's descriptor in the keeper.</param>
/// <param name="Keeper">The process that has the link.</param>
internal sealed record SpareLinkName(string Link, int Index, bool IPv6, int Mtu, ulong Host, ulong Inside, int Descriptor, ProcessIdentity Keeper)
{
    private const string FourAlone = "4";
    private const string FourAndSix = "46";

    /// <summary>The name for a link of this process.</summary>
    public static string Of(HostSockets sockets, NetworkLink link)
    {
        using SafeFileHandle inside = link.OpenNamespace();
        return OwnedName.Of(string.Create(
            CultureInfo.InvariantCulture,
            $"{link.Name}-{link.Index}-{(link.IPv6 ? FourAndSix : FourAlone)}-{link.Mtu}-{sockets.NamespaceIdentity}-{Namespaces.IdentityOf(inside)}-{link.Tap.DangerousGetHandle()}"));
    }

    /// <summary>Reads a name; null when it is none.</summary>
    public static SpareLinkName? Parse(string name) =>
        name.Split('-') is [string link, string index, (FourAlone or FourAndSix) and string kind, string mtu, string host, string inside, string descriptor, _, _]
        && Number(index) is { } indexNumber
        && Number(mtu) is { } mtuNumber
        && ulong.TryParse(host, NumberStyles.None, CultureInfo.InvariantCulture, out ulong hostNumber)
        && ulong.TryParse(inside, NumberStyles.None, CultureInfo.InvariantCulture, out ulong insideNumber)
        && Number(descriptor) is { } descriptorNumber
        && OwnedName.OwnerOf(name) is { } keeper
            ? new SpareLinkName(link, indexNumber, kind == FourAndSix, mtuNumber, hostNumber, insideNumber, descriptorNumber, keeper)
            : null;

    private static int? Number(string text) => int.TryParse(text, NumberStyles.None, CultureInfo.InvariantCulture, out int number) ? number : null;
}
