using MicroVm.Engine.Machines;
using MicroVm.Engine.Native;
using MicroVm.Engine.State;
using MicroVm.Engine.Tests.Native;
using MicroVm.Engine.Tests.State;
using MicroVm.Engine.Tests.Support;

namespace MicroVm.Engine.Tests.Machines;

public sealed class MachineMonitorTests : IDisposable
{
    private readonly Scratch _scratch = new();
    private readonly EngineContext _context;
    private readonly Guid _id = Guid.NewGuid();
    private MachineMonitor? _monitor;

    public MachineMonitorTests() => _context = new EngineContext(_scratch.Paths);

    public void Dispose()
    {
        _monitor?.Dispose();
        _scratch.Dispose();
    }

    [Fact]
    public async Task What_is_there_is_known_and_not_told()
    {
        Write(Records.Stopped(_id));
        Begin();
        Assert.Equal(_id, Assert.Single(_monitor!.Machines).Id);

        Write(Records.Stopped(_id) with { State = VmState.Failed });

        MachineChange change = await NextAsync();
        Assert.Equal((VmState.Stopped, VmState.Failed, false), (change.PreviousState, change.VM.State, change.IsRemoved));
    }

    [Fact]
    public async Task A_VM_whose_VMM_is_gone_already_is_known_whoever_works_on_it()
    {
        Write(Records.Running(_id, ProcessIdentity.Self with { StartTicks = 1 }));
        using (MachineLock.Acquire(_context.Machines.DirectoryOf(_id), "web", "a test"))
        {
            Begin();
        }

        Write(Records.Stopped(_id) with { State = VmState.Failed });

        Assert.Equal(VmState.Stopped, (await NextAsync()).PreviousState);
    }

    [Fact]
    public async Task A_VM_appears_with_its_first_record_and_goes_with_its_directory()
    {
        Begin();
        Write(Records.Stopped(_id));
        MachineChange made = await NextAsync();

        _context.Machines.Delete(_id);
        MachineChange removed = await NextAsync();

        Assert.Equal((null, VmState.Stopped, false, _id), (made.PreviousState, made.VM.State, made.IsRemoved, made.VM.Id));
        Assert.Equal((VmState.Stopped, VmState.Stopped, true, _id), (removed.PreviousState, removed.VM.State, removed.IsRemoved, removed.VM.Id));
        Assert.Empty(_monitor!.Machines);
    }

    [Fact]
    public async Task A_VM_that_was_never_finished_is_not_told()
    {
        Begin();
        Guid undone = Guid.NewGuid();
        MachineStore.MakeDirectory(_context.Machines.DirectoryOf(undone));
        _context.Machines.Delete(undone);
        Write(Records.Stopped(_id));

        Assert.Equal(_id, (await NextAsync()).VM.Id);
    }

    [Fact]
    public async Task Equal_states_are_told_once()
    {
        Write(Records.Stopped(_id));
        Begin();

        Write(Records.Stopped(_id) with { Name = "renamed" });
        Task<MachineChange> next = NextAsync();
        await Task.Yield();
        Write(Records.Stopped(_id) with { State = VmState.Failed });

        Assert.Equal(VmState.Failed, (await next).VM.State);
    }

    [Fact]
    public async Task A_passing_state_is_told_while_somebody_is_at_work()
    {
        using TestProcess vmm = TestProcess.Sleeper();
        MachineRecord record = Records.Running(_id, vmm.Identity);
        Write(record);
        Begin();

        using (MachineLock held = MachineLock.Acquire(_context.Machines.DirectoryOf(_id), "web", "a test"))
        {
            Write(record with { State = VmState.Saving });
            Assert.Equal(VmState.Saving, (await NextAsync()).VM.State);
        }

        // Whoever was at work has ended without a word: the lock tells.
        Assert.Equal(VmState.Unknown, (await NextAsync()).VM.State);
    }

    [Fact]
    public async Task The_end_of_a_VMM_is_noticed_though_nobody_writes_anything()
    {
        using TestProcess vmm = TestProcess.Sleeper();
        Write(Records.Running(_id, vmm.Identity));
        Begin();

        vmm.Signal(Signals.Kill);
        vmm.WaitForEnd();
        vmm.Reap();

        MachineChange change = await NextAsync();
        Assert.Equal((VmState.Running, VmState.Stopped), (change.PreviousState, change.VM.State));
        Assert.Contains("nobody watched", change.VM.StatusDetail, StringComparison.Ordinal);
    }

    [Fact]
    public async Task The_note_of_how_a_VMM_ended_is_waited_for()
    {
        using TestProcess vmm = TestProcess.Sleeper();
        Write(Records.Running(_id, vmm.Identity));
        Begin();
        Task<MachineChange> next = NextAsync();

        vmm.Signal(Signals.Kill);
        vmm.WaitForEnd();
        _context.Machines.WriteExit(_id, new ExitRecord(vmm.Identity, vmm.Reap()!, DateTimeOffset.Now));

        MachineChange change = await next;
        Assert.Equal((VmState.Failed, "signal SIGKILL"), (change.VM.State, change.VM.LastExit));
    }

    [Fact]
    public async Task Of_a_VMM_that_an_operation_ends_the_operation_tells()
    {
        using TestProcess old = TestProcess.Sleeper();
        using TestProcess successor = TestProcess.Sleeper();
        Write(Records.Running(_id, old.Identity));
        Begin();
        using (MachineLock held = MachineLock.Acquire(_context.Machines.DirectoryOf(_id), "web", "a test"))
        {
            Task<MachineChange> next = NextAsync();
            old.Signal(Signals.Kill);
            old.WaitForEnd();
            _context.Machines.WriteExit(_id, new ExitRecord(old.Identity, old.Reap()!, DateTimeOffset.Now));
            Write(Records.Running(_id, successor.Identity) with { State = VmState.Paused });

            // Not Failed: what was ended was replaced.
            Assert.Equal(VmState.Paused, (await next).VM.State);
        }

        // Not reaped: the process table says how it ended.
        successor.Signal(Signals.Kill);
        VirtualMachine last = (await NextAsync()).VM;
        Assert.Equal((VmState.Failed, "signal SIGKILL"), (last.State, last.LastExit));
    }

    [Fact]
    public async Task A_damaged_record_is_a_failed_VM()
    {
        Write(Records.Stopped(_id));
        Begin();

        AtomicFile.Write(Path.Combine(_context.Machines.DirectoryOf(_id), MachineStore.RecordFile), "{"u8);

        MachineChange change = await NextAsync();
        Assert.Equal((_id, VmState.Failed), (change.VM.Id, change.VM.State));
    }

    [Fact]
    public async Task What_happens_while_the_kernel_loses_events_is_found()
    {
        Guid other = Guid.NewGuid();
        Write(Records.Stopped(_id));
        Begin();
        DirectoryWatchTests.MakeMoreThanTheKernelKeeps(_scratch.Paths.MachinesDirectory);

        _context.Machines.Delete(_id);
        Write(Records.Stopped(other));

        MachineChange[] changes = [await NextAsync(), await NextAsync()];
        Assert.Equal(other, Assert.Single(changes, change => change.PreviousState is null).VM.Id);
        Assert.Equal(_id, Assert.Single(changes, change => change.IsRemoved).VM.Id);

        // And a VM that was found so is watched.
        Write(Records.Stopped(other) with { State = VmState.Failed });
        Assert.Equal(VmState.Failed, (await NextAsync()).VM.State);
    }

    [Fact]
    public async Task Ends_with_the_directory_of_all_VMs()
    {
        Write(Records.Stopped(_id));
        Begin();

        Directory.Delete(_scratch.Paths.MachinesDirectory, recursive: true);

        Assert.True((await NextAsync()).IsRemoved);
        Assert.Null(await _monitor!.NextAsync(CancellationToken.None).Within("the end"));
    }

    [Fact]
    public async Task Can_be_cancelled_and_gone_on_with()
    {
        Begin();
        using CancellationTokenSource cancel = new();
        Task<MachineChange?> next = _monitor!.NextAsync(cancel.Token);
        await cancel.CancelAsync();
        await Assert.ThrowsAnyAsync<OperationCanceledException>(() => next);

        Write(Records.Stopped(_id));

        Assert.Equal(_id, (await NextAsync()).VM.Id);
    }

    [Fact]
    public async Task Facade_gives_the_changes_one_by_one()
    {
        await using IAsyncEnumerator<MachineChange> changes = new MicroVmEngine(_scratch.Paths).WatchAsync(CancellationToken.None).GetAsyncEnumerator();
        Task<bool> moved = changes.MoveNextAsync().AsTask();
        Write(Records.Stopped(_id));

        Assert.True(await moved.Within("a change"));
        Assert.Equal(_id, changes.Current.VM.Id);
    }

    private void Begin() => _monitor = new MachineMonitor(_context);

    private async Task<MachineChange> NextAsync() => (await _monitor!.NextAsync(CancellationToken.None).Within("a change"))!;

    private void Write(MachineRecord record)
    {
        MachineStore.MakeDirectory(_context.Machines.DirectoryOf(record.Id));
        _context.Machines.Write(record);
    }
}
