using MicroVm.Engine.Errors;
using MicroVm.Engine.State;
using MicroVm.Engine.Tests.Support;

namespace MicroVm.Engine.Tests.State;

public sealed class SlotClaimsTests : IDisposable
{
    private readonly Scratch _scratch = new();
    private readonly MachineStore _store;
    private readonly SlotClaims _slots;

    public SlotClaimsTests()
    {
        _store = new MachineStore(_scratch.Paths);
        _slots = new SlotClaims(_store);
    }

    public void Dispose() => _scratch.Dispose();

    [Fact]
    public void Slots_are_given_one_after_the_other()
    {
        Guid id = MakeMachine();

        Assert.Equal([1, 2, 3], Enumerable.Range(0, 3).Select(_ => _slots.Claim(id, 100)));
        Assert.Equal([1, 2, 3], _slots.All().Select(claim => claim.Slot).Order());
        Assert.All(_slots.All(), claim => Assert.Equal(id, claim.Machine));
    }

    [Fact]
    public void Slot_that_was_given_back_rests_as_long_as_it_can()
    {
        Guid id = MakeMachine();
        int first = _slots.Claim(id, 3);
        _slots.Release(first, id);

        Assert.Equal([2, 3, 1], Enumerable.Range(0, 3).Select(_ => _slots.Claim(id, 3)));
    }

    [Fact]
    public void Only_the_holder_gives_a_slot_back()
    {
        Guid id = MakeMachine();
        int slot = _slots.Claim(id, 1);

        _slots.Release(slot, Guid.NewGuid());

        MicroVmException error = Assert.Throws<MicroVmException>(() => _slots.Claim(MakeMachine(), 1));
        Assert.Equal(ErrorIds.NoFreeSlot, error.ErrorId);
        Assert.NotNull(error.RecommendedAction);
    }

    [Fact]
    public void Slots_of_a_VM_that_is_gone_or_has_given_them_up_are_free()
    {
        Guid gone = MakeMachine();
        Guid other = MakeMachine();
        _slots.Claim(gone, 2);
        _slots.Claim(other, 2);
        _store.Write(Records.Stopped(gone));
        _store.Write(Records.Stopped(other) with { Network = new MachineNetwork { Slots = [null, 2] } });

        Assert.Equal(1, _slots.Claim(MakeMachine(), 2));
        Assert.False(_slots.ReleaseStale(2));

        Directory.Delete(_store.DirectoryOf(other), recursive: true);
        Assert.True(_slots.ReleaseStale(2));
    }

    [Fact]
    public async Task Nobody_is_given_what_another_has_however_many_ask_at_once()
    {
        const int Machines = 64;
        int[] slots = await Task.WhenAll(Enumerable.Range(0, Machines).Select(_ => Task.Run(() =>
        {
            Guid id = Guid.NewGuid();
            // Held to the end of the test: they are being made.
            _locks.Add(_store.MakeLocked(id, "vm", "Test"));
            return new SlotClaims(_store).Claim(id, Machines);
        })));

        Assert.Equal(Enumerable.Range(1, Machines), slots.Order());
        foreach (MachineLock held in _locks)
        {
            held.Dispose();
        }
    }

    private readonly System.Collections.Concurrent.ConcurrentBag<MachineLock> _locks = [];

    private Guid MakeMachine()
    {
        Guid id = Guid.NewGuid();
        _store.MakeLocked(id, "vm", "Test").Dispose();
        _store.Write(Records.Stopped(id) with { Network = new MachineNetwork { Slots = [1, 2, 3] } });
        return id;
    }
}
