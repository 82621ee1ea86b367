using Microsoft.Win32.SafeHandles;
using MicroVm.Engine.Native;
using MicroVm.Engine.State;

namespace MicroVm.Engine.Network;

/// <summary>
/// Links that were raised before anybody needed them. A keeper has their TAPs open, so they go with it; for each there is a file, named by
/// <see cref="SpareLinkName"/>. Who removes that file has the link; they copy the TAP's descriptor before, while the keeper is bound to leave it where it is.
/// </summary>
/// <param name="paths">Where the files are.</param>
internal sealed class SpareLinks(MicroVmPaths paths)
{
    // What was there when it was last looked; whether it still is shows when it is taken.
    private readonly List<(string Path, SpareLinkName Name)> _known = [];

    // Kept from one taking to the next. Who has ended since then has no descriptors any more.
    private ProcessIdentity? _keeper;
    private ProcessDescriptor? _keeperProcess;

    /// <summary>Takes a link, on the network thread. It is nobody else's then, whatever becomes of the keeper.</summary>
    /// <param name="sockets">The host.</param>
    /// <param name="ipv6">Whether it shall carry IPv6 as well.</param>
    /// <param name="mtu">Its largest packet, in bytes.</param>
    /// <returns>Null when there is none like that, or it cannot be had.</returns>
    public NetworkLink? TryTake(HostSockets sockets, bool ipv6, int mtu = NetworkLink.DefaultMtu)
    {
        try
        {
            if (TryTakeKnown(sockets, ipv6, mtu) is { } known)
            {
                return known;
            }

            _known.Clear();
            foreach (string path in Files())
            {
                if (SpareLinkName.Parse(Path.GetFileName(path)) is { } name)
                {
                    _known.Add((path, name));
                }
            }

            return TryTakeKnown(sockets, ipv6, mtu);
        }
        catch (Exception exception) when (exception is IOException or UnauthorizedAccessException)
        {
            // A link can always be raised instead, or else that says why not.
            return null;
        }
    }

    /// <summary>Lets others take a link of this process, on the network thread.</summary>
    /// <returns>The file that is gone as soon as somebody has taken it; until then the link must stay open.</returns>
    public string Offer(HostSockets sockets, NetworkLink link)
    {
        MachineStore.MakeDirectory(paths.SpareLinksDirectory);
        string path = Path.Combine(paths.SpareLinksDirectory, SpareLinkName.Of(sockets, link));
        File.OpenHandle(path, FileMode.CreateNew, FileAccess.Write).Dispose();
        return path;
    }

    /// <summary>How many there are, of keepers that live.</summary>
    public int CountReady() => Files().Select(path => SpareLinkName.Parse(Path.GetFileName(path))).OfType<SpareLinkName>()
        .GroupBy(name => name.Keeper).Where(links => links.Key.IsAlive).Sum(links => links.Count());

    /// <summary>The files of keepers that are dead, and with them the links.</summary>
    public IEnumerable<string> Abandoned() => Files().Where(path => OwnedName.IsAbandoned(Path.GetFileName(path)));

    /// <summary>The files that name this process.</summary>
    public IEnumerable<string> Own() => Files().Where(path => OwnedName.OwnerOf(Path.GetFileName(path)) == ProcessIdentity.Self);

    private NetworkLink? TryTakeKnown(HostSockets sockets, bool ipv6, int mtu)
    {
        for (int i = _known.Count - 1; i >= 0; i--)
        {
            (string path, SpareLinkName name) = _known[i];
            if (name.IPv6 == ipv6 && name.Mtu == mtu && name.Host == sockets.NamespaceIdentity)
            {
                _known.RemoveAt(i);
                if (TryTake(sockets, path, name) is { } link)
                {
                    return link;
                }
            }
        }

        return null;
    }

    private NetworkLink? TryTake(HostSockets sockets, string path, SpareLinkName name)
    {
        SafeFileHandle? tap = ProcessOf(name.Keeper)?.TryCopyDescriptor(name.Descriptor);
        if (tap is null)
        {
            return null;
        }

        try
        {
            // The device is looked at last: a file that stands for nothing is of no use to others either.
            if (IsOf(tap, name) && FileRemoval.TryRemove(path) && sockets.Route.IndexOf(name.Link) == name.Index)
            {
                NetworkLink link = new(name.Link, name.Index, tap, name.IPv6, name.Mtu);
                tap = null;
                return link;
            }

            return null;
        }
        finally
        {
            tap?.Dispose();
        }
    }

    // By the namespace, in which the keeper has nothing else open. To ask for the device's name would be to wait until nobody changes the host's network.
    private static bool IsOf(SafeFileHandle tap, SpareLinkName name)
    {
        using SafeFileHandle? inside = TapDevice.TryOpenNamespace(tap);
        return inside is not null && Namespaces.IdentityOf(inside) == name.Inside;
    }

    private ProcessDescriptor? ProcessOf(ProcessIdentity keeper)
    {
        if (keeper != _keeper)
        {
            _keeperProcess?.Dispose();
            _keeper = null;
            _keeperProcess = ProcessDescriptor.TryOpen(keeper.ProcessId);
            // Looked at after it was opened: the number may belong to another process by now.
            if (_keeperProcess is null || !keeper.IsAlive)
            {
                return null;
            }

            _keeper = keeper;
        }

        return _keeperProcess;
    }

    private IEnumerable<string> Files() => Directory.Exists(paths.SpareLinksDirectory) ? Directory.EnumerateFiles(paths.SpareLinksDirectory) : [];
}
