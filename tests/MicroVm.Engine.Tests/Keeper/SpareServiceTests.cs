using System.Diagnostics;
using MicroVm.Engine.Keeper;
using MicroVm.Engine.Machines;
using MicroVm.Engine.Machines.Repairs;
using MicroVm.Engine.Network;
using MicroVm.Engine.State;
using MicroVm.Engine.Tests.Support;

namespace MicroVm.Engine.Tests.Keeper;

public sealed class SpareServiceTests : IAsyncLifetime
{
    private readonly TestNetwork _net = new();
    private readonly Scratch _scratch = new();
    private readonly CancellationTokenSource _stop = new();
    private readonly List<string> _said = [];
    private readonly EngineContext _context;
    private KeeperLock? _lock;
    private Task _work = Task.CompletedTask;

    public SpareServiceTests() => _context = new EngineContext(_scratch.Paths, hostNetwork: _net.Host.Network);

    public Task InitializeAsync() => Task.CompletedTask;

    public async Task DisposeAsync()
    {
        await _stop.CancelAsync();
        await _work.ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
        _lock?.Dispose();
        _stop.Dispose();
        _net.Dispose();
        _scratch.Dispose();
    }

    [NetworkFact]
    public async Task Keeps_as_many_as_are_set_and_makes_another_for_each_that_is_taken()
    {
        Set(3);
        Begin();
        await UntilAsync(() => Ready == 3, "three links");
        HashSet<string> names = [.. Links()];

        using NetworkLink first = Take(ipv6: true)!;
        await UntilAsync(() => Ready == 3, "another");
        using NetworkLink second = Take(ipv6: true)!;
        await UntilAsync(() => Ready == 3, "yet another");

        Assert.NotEqual(first.Name, second.Name);
        Assert.Contains(first.Name, names);
        await UntilAsync(() => Links().Length == 5, "the five");
        first.Dispose();
        await UntilAsync(() => !Links().Contains(first.Name), "the end of the first, of which nobody has a copy");
        Assert.Empty(_said);
    }

    [NetworkFact]
    public async Task Follows_the_settings_and_ends_when_nothing_is_wanted()
    {
        Set(1);
        Begin();
        await UntilAsync(() => Ready == 1, "a link");

        Set(4);
        await UntilAsync(() => Ready == 4 && Links().Length == 4, "four links");
        Set(2);
        await UntilAsync(() => Ready == 2 && Links().Length == 2, "two links");
        Assert.False(_work.IsCompleted);
        Set(0);

        await _work.Within("the end");
        Assert.Equal(0, Ready);
        await UntilAsync(() => Links().Length == 0, "the end of the links");
        Assert.Empty(_said);
    }

    [NetworkFact]
    public async Task Has_links_of_the_kind_that_new_VMs_get()
    {
        Set(2);
        Begin();
        await UntilAsync(() => Ready == 2, "links");
        Assert.Null(Take(ipv6: false));

        _net.Host.Run("ip", "-6", "route", "delete", "default");
        // It learns of it when the next VM is made, or the next link taken.
        Take(ipv6: true)!.Dispose();

        NetworkLink? four = null;
        await UntilAsync(() => (four = Take(ipv6: false)) is not null, "a link without IPv6");
        Assert.False(four!.IPv6);
        four.Dispose();
        Assert.Null(Take(ipv6: true));
    }

    [NetworkFact]
    public async Task Nothing_is_left_when_it_is_ended()
    {
        Set(3);
        Begin();
        await UntilAsync(() => Ready == 3, "links");

        await _stop.CancelAsync();

        await Assert.ThrowsAnyAsync<OperationCanceledException>(() => _work.Within("the end"));
        Assert.Empty(Directory.GetFiles(_scratch.Paths.SpareLinksDirectory));
        await UntilAsync(() => Links().Length == 0, "the end of the links");
    }

    [NetworkFact]
    public async Task Links_of_one_that_was_killed_are_gone_and_their_files_no_obstacle()
    {
        Set(3);
        using Process killed = OtherEngine.Start("spares", _scratch.Path, _net.Host.Path);
        await UntilAsync(() => Ready == 3, "links");
        using NetworkLink taken = Take(ipv6: true)!;
        await UntilAsync(() => Ready == 3, "another");

        killed.Kill();
        await killed.WaitForExitAsync().Within("the end");

        await UntilAsync(() => Links().Length == 1, "the end of all but the one that was taken");
        Assert.Equal([taken.Name], Links());
        Assert.Equal(0, Ready);
        Assert.Null(Take(ipv6: true));
        RepairAction[] found = [.. NetworkRepairs.Find(_context)];
        Assert.Equal(Enumerable.Repeat(RepairKind.StaleSpareLink, 3), found.Select(one => one.Kind));
        Assert.Equal(RepairResult.Done, (await RepairPlan.RepairAsync(_context, found[0], NullObserver.Instance, CancellationToken.None)).Result);
        Assert.Equal(RepairResult.Gone, (await RepairPlan.RepairAsync(_context, found[0], NullObserver.Instance, CancellationToken.None)).Result);

        Begin();

        await UntilAsync(() => Ready == 3, "links again");
        await UntilAsync(() => Directory.GetFiles(_scratch.Paths.SpareLinksDirectory).Length == 3, "the old files' removal");
    }

    [NetworkFact]
    public async Task Each_link_goes_to_one_while_it_makes_others()
    {
        Set(2);
        using Process keeper = OtherEngine.Start("spares", _scratch.Path, _net.Host.Path);
        List<string> taken = [];

        await Task.WhenAll(Enumerable.Range(0, 4).Select(_ => Task.Run(async () =>
        {
            using HostNetwork own = new(_net.Host.File);
            SpareLinks spares = new(_scratch.Paths);
            for (int i = 0; i < 10; i++)
            {
                NetworkLink? link = null;
                await UntilAsync(() => (link = own.Run(sockets => spares.TryTake(sockets, ipv6: true))) is not null, "a link");
                lock (taken)
                {
                    taken.Add(link!.Name);
                }

                link.Dispose();
            }
        }))).Within("the takers");
        keeper.Kill();

        Assert.Equal(40, taken.Distinct().Count());
    }

    [NetworkFact]
    public async Task Directory_that_was_removed_is_filled_again()
    {
        Set(2);
        Begin();
        await UntilAsync(() => Ready == 2, "links");
        string moved = _scratch.File("moved");

        Directory.Move(_scratch.Paths.SpareLinksDirectory, moved);
        await UntilAsync(() => Ready == 2, "links again");
        await UntilAsync(() => Links().Length == 2, "the end of the first ones");
        string[] old = [.. Directory.GetFiles(moved).Select(path => Path.Combine(_scratch.Paths.SpareLinksDirectory, Path.GetFileName(path)))];
        Directory.GetFiles(moved).Zip(old).ToList().ForEach(pair => File.Move(pair.First, pair.Second));

        // What stands for a link that is gone is of no use.
        await UntilAsync(() => !old.Any(File.Exists), "the old files' removal");
        Assert.Equal(2, Ready);
    }

    [NetworkFact]
    public async Task Settings_that_cannot_be_read_are_told_once_and_tried_again()
    {
        Set(1);
        Begin(new KeeperOptions { RetryPause = TimeSpan.FromMilliseconds(1), IdleLimit = Limits.Generous });
        await UntilAsync(() => Ready == 1, "a link");

        File.WriteAllText(_scratch.Paths.HostSettingsFile, "{");
        await UntilAsync(() => _said.Count > 0, "a word");
        Set(2);
        await UntilAsync(() => Ready == 2, "links");

        Assert.Contains("are not kept ready", Assert.Single(_said), StringComparison.Ordinal);
    }

    private static async Task UntilAsync(Func<bool> isTrue, string what)
    {
        long deadline = Environment.TickCount64 + (long)Limits.Generous.TotalMilliseconds;
        while (!isTrue())
        {
            Assert.True(Environment.TickCount64 < deadline, $"Waited in vain for {what}.");
            await Task.Delay(5);
        }
    }

    private int Ready => _context.SpareLinks.CountReady();

    private NetworkLink? Take(bool ipv6) => _net.Host.Network.Run(sockets => _context.SpareLinks.TryTake(sockets, ipv6));

    private string[] Links() =>
        [.. _net.Host.Network.Run(HostRoutes.Devices).Values.Where(name => name.StartsWith(SlotConstants.LinkPrefix, StringComparison.Ordinal))];

    private void Set(int count) => new HostSettings { SpareSlots = count }.Write(_scratch.Paths);

    // With no VM at all: only the links keep it.
    private void Begin(KeeperOptions? options = null)
    {
        _lock = KeeperLock.TryAcquire(_scratch.Paths)!;
        _work = Task.Run(() => new KeeperWork(_context, options ?? new KeeperOptions { IdleLimit = TimeSpan.FromMilliseconds(20) }, _said.Add).RunAsync(_lock, _stop.Token));
    }
}
