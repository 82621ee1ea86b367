using System.Collections.Concurrent;
using System.Globalization;
using System.Net;
using MicroVm.Engine.Native;
using MicroVm.Engine.Network;
using MicroVm.Engine.Tests.Support;

namespace MicroVm.Engine.Tests.Network;

public sealed class SpareLinksTests : IDisposable
{
    private readonly TestNamespace _host = new();
    private readonly Scratch _scratch = new();
    private readonly SpareLinks _spares;
    private readonly List<NetworkLink> _offered = [];

    public SpareLinksTests() => _spares = new SpareLinks(_scratch.Paths);

    private HostNetwork Host => _host.Network;

    public void Dispose()
    {
        _offered.ForEach(link => link.Dispose());
        _host.Dispose();
        _scratch.Dispose();
    }

    [NetworkFact]
    public void Taken_link_is_the_takers_alone()
    {
        string path = Offer(ipv6: true);
        NetworkLink offered = _offered[0];
        Assert.Equal(1, _spares.CountReady());

        NetworkLink taken = Host.Run(sockets => _spares.TryTake(sockets, ipv6: true))!;
        offered.Dispose();

        Assert.Equal((offered.Name, offered.Index, true, 1500), (taken.Name, taken.Index, taken.IPv6, taken.Mtu));
        Assert.Equal("tap0", TapDevice.NameOf(taken.Tap));
        Assert.False(File.Exists(path));
        Assert.Null(Host.Run(sockets => _spares.TryTake(sockets, ipv6: true)));
        Host.Run(sockets => HostRoutes.Attach(sockets, taken.Index, IPAddress.Parse("198.18.128.1"), IPAddress.Parse("fd6d:6963:766e::1")));
        taken.Dispose();
        Assert.True(SpinWait.SpinUntil(() => !Exists(taken.Name), Limits.Generous), $"{taken.Name} is still there.");
    }

    [NetworkFact]
    public async Task Many_at_once_take_each_link_once()
    {
        const int Links = 32;
        for (int i = 0; i < Links; i++)
        {
            Offer(ipv6: false);
        }

        ConcurrentBag<NetworkLink> taken = [];
        using Barrier start = new(8);
        await Task.WhenAll(Enumerable.Range(0, 8).Select(_ => Task.Factory.StartNew(
            () =>
            {
                using HostNetwork own = new(_host.File);
                SpareLinks spares = new(_scratch.Paths);
                own.Run(_ => start.SignalAndWait(Limits.Generous));
                while (own.Run(sockets => spares.TryTake(sockets, ipv6: false)) is { } link)
                {
                    taken.Add(link);
                }
            },
            TaskCreationOptions.LongRunning))).Within("the takers");

        Assert.Equal(_offered.Select(link => link.Name).Order(), taken.Select(link => link.Name).Order());
        Assert.Equal(Links, taken.Select(InsideOf).Distinct().Count());
        taken.ToList().ForEach(link => link.Dispose());
    }

    [NetworkFact]
    public void Link_of_another_kind_or_of_another_host_is_left_alone()
    {
        string path = Offer(ipv6: true);
        using TestNamespace other = new();

        Assert.Null(Host.Run(sockets => _spares.TryTake(sockets, ipv6: false)));
        Assert.Null(Host.Run(sockets => _spares.TryTake(sockets, ipv6: true, mtu: 1400)));
        Assert.Null(other.Network.Run(sockets => _spares.TryTake(sockets, ipv6: true)));

        Assert.True(File.Exists(path));
    }

    [NetworkFact]
    public void Descriptor_that_is_not_the_links_is_not_taken_for_it()
    {
        Offer(ipv6: false);
        Offer(ipv6: false);
        using FileStream file = File.OpenRead("/dev/null");
        // The one's name with the other's descriptor, with one that is no TAP, and with none.
        string first = Directory.GetFiles(_scratch.Paths.SpareLinksDirectory).Single(path => path.Contains(_offered[0].Name, StringComparison.Ordinal));
        string last = Directory.GetFiles(_scratch.Paths.SpareLinksDirectory).Single(path => path.Contains(_offered[1].Name, StringComparison.Ordinal));
        File.Delete(last);
        foreach (nint wrong in (nint[])[_offered[1].Tap.DangerousGetHandle(), file.SafeFileHandle.DangerousGetHandle(), 99_999])
        {
            string[] parts = first.Split('-');
            parts[^3] = wrong.ToString(CultureInfo.InvariantCulture);
            File.Move(first, string.Join('-', parts));
            first = string.Join('-', parts);

            Assert.Null(Host.Run(sockets => _spares.TryTake(sockets, ipv6: false)));
            Assert.True(File.Exists(first));
        }
    }

    [NetworkFact]
    public void Link_whose_keeper_is_dead_is_left_for_repair()
    {
        string path = Offer(ipv6: false);
        string abandoned = path[..path.LastIndexOf('-')] + "-1";
        File.Move(path, abandoned);
        File.WriteAllText(Path.Combine(_scratch.Paths.SpareLinksDirectory, "something-else"), "");

        Assert.Null(Host.Run(sockets => _spares.TryTake(sockets, ipv6: false)));
        Assert.Equal(0, _spares.CountReady());
        Assert.Equal([abandoned], _spares.Abandoned());
    }

    [NetworkFact]
    public void Link_that_somebody_has_deleted_is_passed_over()
    {
        Offer(ipv6: false);
        Offer(ipv6: false);
        _host.Run("ip", "link", "delete", _offered[0].Name);

        using NetworkLink? taken = Host.Run(sockets => _spares.TryTake(sockets, ipv6: false));

        Assert.Equal(_offered[1].Name, taken!.Name);
    }

    [NetworkFact]
    public void Where_nothing_is_kept_there_is_nothing_to_take()
    {
        Assert.Null(Host.Run(sockets => _spares.TryTake(sockets, ipv6: false)));
        Assert.Equal(0, _spares.CountReady());
        Assert.Empty(_spares.Abandoned());
    }

    private string Offer(bool ipv6)
    {
        NetworkLink link = NetworkLink.Raise(Host, ipv6);
        _offered.Add(link);
        return Host.Run(sockets => _spares.Offer(sockets, link));
    }

    private static ulong InsideOf(NetworkLink link)
    {
        using Microsoft.Win32.SafeHandles.SafeFileHandle inside = link.OpenNamespace();
        return Namespaces.IdentityOf(inside);
    }

    private bool Exists(string name) => Host.Run(sockets => HostRoutes.IndexOf(sockets, name)) is not null;
}
