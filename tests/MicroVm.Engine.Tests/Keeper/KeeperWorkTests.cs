using MicroVm.Engine.Guest;
using MicroVm.Engine.Keeper;
using MicroVm.Engine.Machines;
using MicroVm.Engine.Native;
using MicroVm.Engine.State;
using MicroVm.Engine.Tests.State;
using MicroVm.Engine.Tests.Support;

namespace MicroVm.Engine.Tests.Keeper;

public sealed class KeeperWorkTests : IAsyncLifetime
{
    private readonly Scratch _scratch = new();
    private readonly EngineContext _context;
    private readonly Guid _id = Guid.NewGuid();
    private readonly CancellationTokenSource _stop = new();
    private readonly List<string> _said = [];
    private KeeperLock? _lock;
    private Task _work = Task.CompletedTask;

    public KeeperWorkTests() => _context = new EngineContext(_scratch.Paths);

    public Task InitializeAsync() => Task.CompletedTask;

    public async Task DisposeAsync()
    {
        await _stop.CancelAsync();
        await _work.ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
        _lock?.Dispose();
        _stop.Dispose();
        _scratch.Dispose();
    }

    [Fact]
    public async Task Ends_when_no_VM_has_a_VMM()
    {
        Write(Records.Stopped(_id));

        Begin(new KeeperOptions { IdleLimit = TimeSpan.FromMilliseconds(20) });

        await _work.Within("the end");
        Assert.False(KeeperLock.Look(_scratch.Paths).IsHeld);
        Assert.Empty(_said);
    }

    [Fact]
    public async Task Stays_as_long_as_a_VMM_lives_notes_its_end_and_puts_the_record_right()
    {
        using TestProcess vmm = TestProcess.Sleeper();
        using MachineMonitor monitor = new(_context);
        string run = Write(Records.Running(_id, vmm.Identity));
        Begin(new KeeperOptions { IdleLimit = TimeSpan.FromMilliseconds(20) });
        Assert.Equal(VmState.Running, (await monitor.NextAsync(CancellationToken.None).Within("the VM"))!.VM.State);
        Assert.False(_work.IsCompleted);

        vmm.Signal(Signals.Kill);

        await _work.Within("the end");
        MachineRecord record = _context.Machines.Read(_id)!;
        Assert.Equal((VmState.Failed, "signal SIGKILL"), (record.State, record.LastExit));
        Assert.Null(record.Run);
        Assert.False(Directory.Exists(run));
    }

    [Fact]
    public async Task What_happened_before_it_began_is_put_right()
    {
        string run = Write(Records.Running(_id, ProcessIdentity.Self with { StartTicks = 1 }));

        Begin(new KeeperOptions { IdleLimit = TimeSpan.FromMilliseconds(20) });

        await _work.Within("the end");
        Assert.Null(_context.Machines.Read(_id)!.Run);
        Assert.False(Directory.Exists(run));
    }

    [Fact]
    public async Task A_VM_that_somebody_works_on_is_left_to_them()
    {
        string run = Write(Records.Running(_id, ProcessIdentity.Self with { StartTicks = 1 }));
        using (MachineLock held = MachineLock.Acquire(_context.Machines.DirectoryOf(_id), "web", "a test"))
        {
            Begin(new KeeperOptions { IdleLimit = TimeSpan.FromMilliseconds(20) });
            await _work.Within("the end");
        }

        Assert.NotNull(_context.Machines.Read(_id)!.Run);
        Assert.True(Directory.Exists(run));
        Assert.Empty(_said);
    }

    [Fact]
    public async Task Is_needed_while_a_VMM_or_an_owner_lives()
    {
        using TestProcess process = TestProcess.Sleeper();
        Assert.False(KeeperWork.IsNeeded(_context));
        Write(Records.Running(_id, process.Identity));
        Assert.True(KeeperWork.IsNeeded(_context));
        Write(Records.Stopped(_id) with { OwnerProcess = process.Identity });
        Assert.True(KeeperWork.IsNeeded(_context));

        process.Signal(Signals.Kill);
        await Task.Run(process.WaitForEnd);

        Assert.False(KeeperWork.IsNeeded(_context));
    }

    [Fact]
    public async Task Ephemeral_VM_goes_with_its_owner()
    {
        using TestProcess owner = TestProcess.Sleeper();
        Guid other = Guid.NewGuid();
        Write(Records.Stopped(_id) with { OwnerProcess = owner.Identity });
        Write(Records.Stopped(other, "stays"));
        using MachineMonitor monitor = new(_context);
        Begin(new KeeperOptions { IdleLimit = TimeSpan.FromMilliseconds(20) });

        owner.Signal(Signals.Kill);

        MachineChange change = (await monitor.NextAsync(CancellationToken.None).Within("the removal"))!;
        Assert.Equal((_id, true, true), (change.VM.Id, change.IsRemoved, change.VM.IsEphemeral));
        await _work.Within("the end");
        Assert.Equal([other], _context.Machines.Ids());
    }

    [Fact]
    public async Task Ephemeral_VM_whose_owner_ended_long_ago_is_removed()
    {
        Write(Records.Stopped(_id) with { OwnerProcess = ProcessIdentity.Self with { StartTicks = 1 } });

        Begin(new KeeperOptions { IdleLimit = TimeSpan.FromMilliseconds(20) });

        await _work.Within("the end");
        Assert.Empty(_context.Machines.Ids());
    }

    [Fact]
    public async Task Logs_of_VMs_that_run_are_cut_as_they_grow()
    {
        using TestProcess vmm = TestProcess.Sleeper();
        Write(Records.Running(_id, vmm.Identity));
        string[] logs = [_context.Machines.SerialLogOf(_id), _context.Machines.VmmLogOf(_id)];
        byte[] piece = new byte[64 << 10];
        Array.Fill(piece, (byte)'\n');
        foreach (string log in logs)
        {
            File.WriteAllBytes(log, piece);
        }

        Begin(new KeeperOptions { LogBound = new LogBound(256 << 10, 128 << 10), LogInterval = TimeSpan.FromMilliseconds(1) });
        foreach (string log in logs)
        {
            using FileStream stream = new(log, FileMode.Append);
            for (int i = 0; i < 32; i++)
            {
                stream.Write(piece);
                stream.Flush();
            }

            await UntilAsync(() => FileUsage.AllocatedBytes(log) <= 256 << 10, $"a shorter {log}");
            Assert.Equal(33 * piece.Length, stream.Length);
        }
    }

    [Fact]
    public async Task Directory_that_was_removed_before_it_began_does_not_come_back()
    {
        Begin(new KeeperOptions());

        await _work.Within("the end");
        Assert.False(Directory.Exists(_scratch.Paths.MachinesDirectory));
    }

    [Fact]
    public async Task One_that_cannot_work_says_so_once_and_tries_again()
    {
        using TestProcess vmm = TestProcess.Sleeper();
        Write(Records.Running(_id, vmm.Identity));
        // It has no driver for the VM.
        _lock = KeeperLock.TryAcquire(_scratch.Paths)!;
        EngineContext broken = new(_scratch.Paths, []);
        KeeperOptions options = new() { IdleLimit = TimeSpan.FromMilliseconds(20), RetryPause = TimeSpan.FromMilliseconds(1) };
        _work = Task.Run(() => new KeeperWork(broken, options, _said.Add).RunAsync(_lock, _stop.Token));
        await UntilAsync(() => _said.Count > 0, "a word");
        Assert.False(_work.IsCompleted);

        vmm.Signal(Signals.Kill);

        await _work.Within("the end");
        Assert.Contains("VMs are not looked after", Assert.Single(_said), StringComparison.Ordinal);
    }

    [Fact]
    public async Task Is_ended_by_cancelling()
    {
        using TestProcess vmm = TestProcess.Sleeper();
        Write(Records.Running(_id, vmm.Identity));
        Begin(new KeeperOptions());

        await _stop.CancelAsync();

        await Assert.ThrowsAnyAsync<OperationCanceledException>(() => _work.Within("the end"));
        Assert.True(vmm.Identity.IsAlive);
    }

    // What nothing tells of.
    private static async Task UntilAsync(Func<bool> isTrue, string what)
    {
        long deadline = Environment.TickCount64 + (long)Limits.Generous.TotalMilliseconds;
        while (!isTrue())
        {
            Assert.True(Environment.TickCount64 < deadline, $"Waited in vain for {what}.");
            await Task.Delay(10);
        }
    }

    private void Begin(KeeperOptions options)
    {
        _lock = KeeperLock.TryAcquire(_scratch.Paths)!;
        _work = Task.Run(() => new KeeperWork(_context, options, _said.Add).RunAsync(_lock, _stop.Token));
    }

    // Gives its run directory, which it makes.
    private string Write(MachineRecord record)
    {
        MachineStore.MakeDirectory(_context.Machines.DirectoryOf(record.Id));
        string run = Directory.CreateDirectory(_scratch.File("run/0123456789ab")).FullName;
        _context.Machines.Write(record.Run is null ? record : record with { Run = record.Run with { RunDirectory = run } });
        return run;
    }
}
