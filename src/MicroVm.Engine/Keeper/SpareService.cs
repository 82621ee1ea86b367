using System.Threading.Channels;
using MicroVm.Engine.Errors;
using MicroVm.Engine.Machines;
using MicroVm.Engine.Native;
using MicroVm.Engine.Network;
using MicroVm.Engine.State;

namespace MicroVm.Engine.Keeper;

/// <summary>
/// Keeps as many network links ready as the host's settings say, of the kind that new VMs get. It polls nothing: inotify tells of other settings, and of links
/// that were taken.
/// </summary>
internal sealed class SpareService(EngineContext context, KeeperOptions options, Action<string> say) : IDisposable
{
    private readonly DirectoryWatch _watch = new();
    private readonly Channel<bool> _due = Channel.CreateBounded<bool>(new BoundedChannelOptions(1) { FullMode = BoundedChannelFullMode.DropWrite });
    // By their files.
    private readonly Dictionary<string, NetworkLink> _offered = [];
    private string? _lastFailure;

    /// <summary>Whether links are to be kept ready; not, when the settings cannot be read.</summary>
    public static bool IsWanted(EngineContext context)
    {
        try
        {
            return HostSettings.Read(context.Paths).SpareSlots > 0;
        }
        catch (Exception exception) when (exception is MicroVmException or IOException or UnauthorizedAccessException)
        {
            return false;
        }
    }

    /// <summary>Makes it see whether new VMs get links of another kind by now; thread-safe.</summary>
    public void Look() => _due.Writer.TryWrite(true);

    /// <summary>Keeps links ready until it is cancelled.</summary>
    public async Task RunAsync(CancellationToken cancellationToken)
    {
        await Task.Yield();
        while (true)
        {
            bool isDone = TryKeep(cancellationToken);
            await (isDone
                ? NewsAsync(cancellationToken)
                : TaskRace.FirstAsync(cancellationToken, NewsAsync, token => Task.Delay(options.RetryPause, token)));
            // Who has taken a link is about to attach it, for which the kernel's lock of all networks is needed, as it is for making another.
            await Task.Delay(options.RefillPause, cancellationToken);
            _due.Reader.TryRead(out _);
            _watch.Read();
        }
    }

    /// <summary>Lets go of those that nobody has taken.</summary>
    public void Dispose()
    {
        foreach (string path in _offered.Keys.ToArray())
        {
            TryWithdraw(path);
        }

        _watch.Dispose();
    }

    private Task NewsAsync(CancellationToken cancellationToken) => TaskRace.FirstAsync(
        cancellationToken, token => Readiness.ReadableAsync(_watch.Handle, token), token => _due.Reader.WaitToReadAsync(token).AsTask());

    private bool TryKeep(CancellationToken cancellationToken)
    {
        try
        {
            Keep(cancellationToken);
            _lastFailure = null;
            return true;
        }
        catch (Exception exception) when (exception is MicroVmException or IOException or UnauthorizedAccessException)
        {
            if (exception.Message != _lastFailure)
            {
                _lastFailure = exception.Message;
                say($"Network links are not kept ready: {exception.Message} {exception.InnerException?.Message}");
            }

            return false;
        }
    }

    // Everything is watched before it is looked at.
    private void Keep(CancellationToken cancellationToken)
    {
        _watch.TryAdd(context.Paths.DataDirectory);
        int wanted = HostSettings.Read(context.Paths).SpareSlots;
        if (wanted > 0)
        {
            MachineStore.MakeDirectory(context.Paths.SpareLinksDirectory);
            _watch.TryAdd(context.Paths.SpareLinksDirectory);
        }

        RemoveStale();
        bool six = wanted > 0 && HostOutlook.Of(context).HasIPv6;
        foreach (string path in _offered.Where(offered => offered.Value.IPv6 != six).Select(offered => offered.Key).ToArray())
        {
            TryWithdraw(path);
        }

        foreach (string path in _offered.Keys.Skip(wanted).ToArray())
        {
            TryWithdraw(path);
        }

        while (_offered.Count < wanted)
        {
            cancellationToken.ThrowIfCancellationRequested();
            context.HostNetwork.Run(sockets => RaiseOne(sockets, six));
        }
    }

    private void RaiseOne(HostSockets sockets, bool six)
    {
        NetworkLink link = NetworkLink.Raise(sockets, six);
        try
        {
            _offered.Add(context.SpareLinks.Offer(sockets, link), link);
        }
        catch
        {
            link.Dispose();
            throw;
        }
    }

    private void RemoveStale()
    {
        // What is not there was taken. It must not be closed for less: whoever copies a descriptor by its number relies on the file.
        foreach (string path in _offered.Keys.Where(path => FileEntry.Find(path, follow: false) is null).ToArray())
        {
            _offered.Remove(path, out NetworkLink? taken);
            taken!.Dispose();
        }

        // Files of this process that it has closed the links of: they were moved away, and have come back.
        foreach (string path in context.SpareLinks.Abandoned().Concat(context.SpareLinks.Own().Where(path => !_offered.ContainsKey(path))).ToArray())
        {
            FileRemoval.TryRemove(path);
        }
    }

    // When somebody is quicker it is theirs, and the copy here is closed all the same.
    private void TryWithdraw(string path)
    {
        try
        {
            FileRemoval.TryRemove(path);
        }
        catch (LinuxException exception)
        {
            say($"'{path}' cannot be removed: {exception.Message}");
            return;
        }

        _offered.Remove(path, out NetworkLink? link);
        link!.Dispose();
    }
}
