using MicroVm.Engine.Errors;
using MicroVm.Engine.Machines;
using MicroVm.Engine.State;
using MicroVm.Engine.Tests.Support;

namespace MicroVm.Engine.Tests.Machines;

public sealed class RenamePlanTests : IDisposable
{
    private readonly Scratch _scratch = new();
    private readonly EngineContext _context;
    private readonly MicroVmEngine _engine;

    public RenamePlanTests()
    {
        _context = new EngineContext(_scratch.Paths);
        _engine = new MicroVmEngine(_scratch.Paths);
        File.WriteAllText(_scratch.File("kernel"), "kernel");
    }

    private string[] Claims => [.. Directory.EnumerateFileSystemEntries(_scratch.Paths.NamesDirectory).Select(Path.GetFileName).Where(name => name != ".lock").Order()!];

    public void Dispose() => _scratch.Dispose();

    [Fact]
    public async Task Renamed_VM_has_the_new_name_alone()
    {
        VirtualMachine web = await MakeAsync("web");

        Assert.Equal("Shop", (await RenameAsync(web, "Shop")).Name);

        Assert.Equal(["shop"], Claims);
        Assert.Equal(web.Id, _engine.FindMachine("SHOP")!.Id);
        Assert.Null(_engine.FindMachine("web"));
        Assert.Null(_context.Machines.Read(web.Id)!.SpareName);
        await MakeAsync("web");
    }

    [Fact]
    public async Task Case_alone_can_change()
    {
        VirtualMachine web = await MakeAsync("web");

        Assert.Equal("Web", (await RenameAsync(web, "Web")).Name);

        Assert.Equal(["web"], Claims);
        Assert.Equal("Web", _engine.FindMachine("web")!.Name);
    }

    [Fact]
    public async Task Taken_name_changes_nothing()
    {
        VirtualMachine web = await MakeAsync("web");
        VirtualMachine shop = await MakeAsync("shop");

        MicroVmException error = await Assert.ThrowsAsync<MicroVmException>(() => RenameAsync(web, "SHOP"));

        Assert.Equal(ErrorIds.MicroVmAlreadyExists, error.ErrorId);
        Assert.Equal(["shop", "web"], Claims);
        Assert.Equal(web.Id, _engine.FindMachine("web")!.Id);
        Assert.Equal(shop.Id, _engine.FindMachine("shop")!.Id);
        Assert.Null(_context.Machines.Read(web.Id)!.SpareName);
    }

    [Fact]
    public async Task Bad_name_is_refused()
    {
        VirtualMachine web = await MakeAsync("web");

        Assert.Equal(ErrorIds.InvalidMicroVmSpec, (await Assert.ThrowsAsync<MicroVmException>(() => RenameAsync(web, "a b"))).ErrorId);
    }

    [Fact]
    public async Task Host_name_that_was_not_chosen_follows_at_the_next_boot()
    {
        BootSource unchosen = new() { KernelPath = "/kernel", Hostname = "web", KernelArguments = ["quiet", "microvm.hostname=web"] };
        VirtualMachine web = await MakeAsync("web");
        _context.Machines.Write(_context.Machines.Read(web.Id)! with { Boot = unchosen });
        await RenameAsync(web, "shop");
        BootSource boot = _context.Machines.Read(web.Id)!.Boot;
        Assert.Equal("shop", boot.Hostname);
        Assert.Equal(["quiet", "microvm.hostname=shop"], boot.KernelArguments);

        _context.Machines.Write(_context.Machines.Read(web.Id)! with { Boot = unchosen with { Hostname = "www.example.org" } });
        await RenameAsync(web, "store");
        Assert.Equal("www.example.org", _context.Machines.Read(web.Id)!.Boot.Hostname);
    }

    /// <summary>What a rename from "web" to "shop" that was killed leaves, by how far it came.</summary>
    [Theory]
    [InlineData("web", "shop", "web")]
    [InlineData("web", "shop", "shop,web")]
    [InlineData("shop", "web", "shop,web")]
    [InlineData("shop", "web", "shop")]
    public async Task Killed_rename_leaves_one_name_and_the_next_operation_tidies_up(string recorded, string spare, string links)
    {
        VirtualMachine web = await MakeAsync("web");
        LeaveBehind(web, recorded, spare, links);

        Assert.Equal(web.Id, _engine.FindMachine(recorded)!.Id);
        Assert.Null(_engine.FindMachine(spare));
        Assert.Equal([recorded], _engine.GetMachines().Select(machine => machine.Name));

        await _engine.SetAsync(web.Id, new MachineUpdate { Description = "later" }, NullObserver.Instance, CancellationToken.None);

        Assert.Equal([recorded], Claims);
        Assert.Null(_context.Machines.Read(web.Id)!.SpareName);
    }

    [Theory]
    [InlineData("web", "shop")]
    [InlineData("shop", "web")]
    public async Task Name_that_a_killed_rename_left_is_free(string recorded, string spare)
    {
        VirtualMachine web = await MakeAsync("web");
        LeaveBehind(web, recorded, spare, "shop,web");

        VirtualMachine other = await MakeAsync(spare);

        Assert.Equal(other.Id, _engine.FindMachine(spare)!.Id);
        Assert.Equal(web.Id, _engine.FindMachine(recorded)!.Id);
        // Healing must not take away what is another's by now.
        await _engine.SetAsync(web.Id, new MachineUpdate { Description = "later" }, NullObserver.Instance, CancellationToken.None);
        Assert.Equal(other.Id, _engine.FindMachine(spare)!.Id);
    }

    [Theory]
    [InlineData("web", "shop")]
    [InlineData("shop", "web")]
    public async Task Killed_rename_can_be_done_again_and_undone(string recorded, string spare)
    {
        VirtualMachine web = await MakeAsync("web");
        LeaveBehind(web, recorded, spare, "shop,web");

        await RenameAsync(web, "shop");
        Assert.Equal(["shop"], Claims);
        await RenameAsync(web, "web");
        Assert.Equal(["web"], Claims);
    }

    [Fact]
    public async Task VM_that_a_killed_rename_left_is_removed_with_both_names()
    {
        VirtualMachine web = await MakeAsync("web");
        LeaveBehind(web, "web", "shop", "shop,web");

        await _engine.RemoveAsync(web.Id, force: false, NullObserver.Instance, CancellationToken.None);

        Assert.Empty(Claims);
    }

    [Fact(Timeout = 120_000)]
    public async Task Exactly_one_of_two_gets_a_name_and_each_is_always_found()
    {
        VirtualMachine[] machines = [await MakeAsync("a"), await MakeAsync("b")];
        for (int round = 0; round < 100; round++)
        {
            string wanted = $"wanted-{round}";
            using Barrier barrier = new(2);
            bool[] won = await Task.WhenAll(machines.Select(machine => Task.Factory.StartNew(
                () =>
                {
                    barrier.SignalAndWait();
                    try
                    {
                        RenameAsync(machine, wanted).GetAwaiter().GetResult();
                        return true;
                    }
                    catch (MicroVmException exception) when (exception.ErrorId == ErrorIds.MicroVmAlreadyExists)
                    {
                        return false;
                    }
                },
                CancellationToken.None,
                TaskCreationOptions.LongRunning,
                TaskScheduler.Default)));

            Assert.Single(won, winner => winner);
            Assert.Equal(machines[Array.IndexOf(won, true)].Id, _engine.FindMachine(wanted)!.Id);
            Assert.All(machines, machine => Assert.Equal(machine.Id, _engine.FindMachine(_engine.FindMachine(machine.Id)!.Name)!.Id));
            Assert.Equal(2, Claims.Length);
        }
    }

    private void LeaveBehind(VirtualMachine web, string recorded, string spare, string links)
    {
        _context.Machines.Write(_context.Machines.Read(web.Id)! with { Name = recorded, SpareName = spare });
        foreach (string name in (string[])["web", "shop"])
        {
            if (links.Split(',').Contains(name))
            {
                _context.Names.Claim(name, web.Id);
            }
            else
            {
                _context.Names.Release(name, web.Id);
            }
        }
    }

    private Task<VirtualMachine> RenameAsync(VirtualMachine machine, string name) =>
        _engine.RenameAsync(machine.Id, name, NullObserver.Instance, CancellationToken.None);

    private Task<VirtualMachine> MakeAsync(string name) => _engine.CreateAsync(
        new VirtualMachineSpec { Name = name, KernelPath = _scratch.File("kernel"), MemoryBytes = 32L << 20 }, start: false, NullObserver.Instance, CancellationToken.None);
}
