using MicroVm.Engine.Errors;
using MicroVm.Engine.State;
using MicroVm.Engine.Tests.Support;

namespace MicroVm.Engine.Tests.State;

public sealed class NameClaimsTests : IDisposable
{
    private readonly Scratch _scratch = new();
    private readonly MachineStore _store;
    private readonly NameClaims _names;

    public NameClaimsTests()
    {
        _store = new MachineStore(_scratch.Paths);
        _names = new NameClaims(_store);
    }

    public void Dispose() => _scratch.Dispose();

    [Theory]
    [InlineData("a")]
    [InlineData("0")]
    [InlineData("Web-1")]
    [InlineData("a-")]
    [InlineData("a23456789-123456789-123456789-123456789-123456789-123456789-123")]
    public void Good_names(string name) => Assert.True(NameRule.IsValid(name));

    [Theory]
    [InlineData("")]
    [InlineData("-a")]
    [InlineData("a b")]
    [InlineData("a\n")]
    [InlineData("a\r")]
    [InlineData("a\0")]
    [InlineData("../x")]
    [InlineData(".")]
    [InlineData("..")]
    [InlineData("a/b")]
    [InlineData("a.b")]
    [InlineData(";rm")]
    [InlineData("a;rm")]
    [InlineData("$(id)")]
    [InlineData("ä")]
    [InlineData("a\u0130")]
    [InlineData("*")]
    [InlineData("a23456789-123456789-123456789-123456789-123456789-123456789-1234")]
    public void Bad_names(string name)
    {
        Assert.False(NameRule.IsValid(name));
        Assert.Null(_names.Find(name));
    }

    [Fact]
    public void Claimed_name_is_found_without_regard_to_case_and_taken()
    {
        Guid id = MakeMachine();
        _names.Claim("Web", id);

        Assert.Equal(id, _names.Find("wEB"));
        Assert.Equal("web", _names.NameOf(id));
        MicroVmException error = Assert.Throws<MicroVmException>(() => _names.Claim("WEB", MakeMachine()));
        Assert.Equal(ErrorIds.MicroVmAlreadyExists, error.ErrorId);
        Assert.Equal(id, _names.Find("web"));
    }

    [Fact]
    public void Only_the_holder_gives_a_name_back()
    {
        Guid id = MakeMachine();
        _names.Claim("web", id);

        _names.Release("web", Guid.NewGuid());
        Assert.Equal(id, _names.Find("web"));

        _names.Release("WEB", id);
        Assert.Null(_names.Find("web"));
        _names.Release("web", id);
    }

    [Fact]
    public void Name_of_a_VM_that_is_being_made_is_taken()
    {
        Guid id = Guid.NewGuid();
        MachineStore.MakeDirectory(_store.DirectoryOf(id));
        using MachineLock held = MachineLock.Acquire(_store.DirectoryOf(id), "web", "New-MicroVm");
        _names.Claim("web", id);

        Assert.Throws<MicroVmException>(() => _names.Claim("web", MakeMachine()));
    }

    [Fact]
    public void Claim_of_a_VM_that_was_never_finished_is_taken_over()
    {
        Guid dead = Guid.NewGuid();
        MachineStore.MakeDirectory(_store.DirectoryOf(dead));
        _names.Claim("web", dead);
        Guid id = MakeMachine();

        _names.Claim("web", id);

        Assert.Equal(id, _names.Find("web"));
    }

    [Fact]
    public void Claim_of_a_VM_whose_directory_is_gone_is_taken_over()
    {
        _names.Claim("web", Guid.NewGuid());
        Guid id = MakeMachine();

        _names.Claim("web", id);

        Assert.Equal(id, _names.Find("web"));
    }

    [Theory]
    [InlineData("/etc")]
    [InlineData("../vms/nonsense")]
    public void Link_to_elsewhere_is_nobodys(string target)
    {
        MachineStore.MakeDirectory(_scratch.Paths.NamesDirectory);
        File.CreateSymbolicLink(Path.Combine(_scratch.Paths.NamesDirectory, "web"), target);

        Assert.Null(_names.Find("web"));
        Guid id = MakeMachine();
        _names.Claim("web", id);
        Assert.Equal(id, _names.Find("web"));
    }

    [Fact(Timeout = 60_000)]
    public async Task Exactly_one_of_many_gets_a_free_name()
    {
        for (int round = 0; round < 50; round++)
        {
            await RaceAsync($"free-{round}");
        }
    }

    [Fact(Timeout = 60_000)]
    public async Task Exactly_one_of_many_takes_over_a_stale_name()
    {
        for (int round = 0; round < 300; round++)
        {
            _names.Claim($"stale-{round}", Guid.NewGuid());
            await RaceAsync($"stale-{round}");
        }
    }

    [Fact(Timeout = 60_000)]
    public async Task Giving_back_never_removes_the_next_holders_claim()
    {
        for (int round = 0; round < 500; round++)
        {
            string name = $"next-{round}";
            Guid first = Guid.NewGuid();
            _names.Claim(name, first);
            Guid next = MakeMachine();
            using Barrier barrier = new(2);
            await Task.WhenAll(
                Task.Run(() =>
                {
                    barrier.SignalAndWait();
                    _names.Release(name, first);
                }),
                Task.Run(() =>
                {
                    barrier.SignalAndWait();
                    _names.Claim(name, next);
                }));

            Assert.Equal(next, _names.Find(name));
        }
    }

    private async Task RaceAsync(string name)
    {
        Guid[] machines = [.. Enumerable.Range(0, 4).Select(_ => MakeMachine())];
        using Barrier barrier = new(machines.Length);
        bool[] won = await Task.WhenAll(machines.Select(id => Task.Factory.StartNew(
            () =>
            {
                barrier.SignalAndWait();
                try
                {
                    new NameClaims(_store).Claim(name, id);
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

        Assert.Equal(1, won.Count(winner => winner));
        Assert.Equal(machines[Array.IndexOf(won, true)], _names.Find(name));
    }

    private Guid MakeMachine()
    {
        Guid id = Guid.NewGuid();
        MachineStore.MakeDirectory(_store.DirectoryOf(id));
        File.WriteAllText(Path.Combine(_store.DirectoryOf(id), MachineStore.RecordFile), "{}");
        return id;
    }
}
