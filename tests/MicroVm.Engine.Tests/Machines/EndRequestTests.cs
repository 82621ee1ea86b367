using MicroVm.Engine.Errors;
using MicroVm.Engine.Machines;
using MicroVm.Engine.State;
using MicroVm.Engine.Tests.RealQemu;
using MicroVm.Engine.Tests.State;
using MicroVm.Engine.Tests.Support;

namespace MicroVm.Engine.Tests.Machines;

/// <summary>VMs that are being made or started, and somebody else wants them gone. Their VMM never answers.</summary>
public sealed class EndRequestTests : IDisposable
{
    private readonly Scratch _scratch = new();
    private readonly EngineContext _context;

    public EndRequestTests()
    {
        File.WriteAllText(_scratch.File("kernel"), "kernel");
        _context = new EngineContext(_scratch.Paths, [new StubVmm(StubVmm.Write(_scratch, "#!/bin/sh\nexec sleep 1000\n"))]);
    }

    private VirtualMachineSpec Spec => new() { Name = "web", KernelPath = _scratch.File("kernel"), MemoryBytes = 32L << 20 };

    public void Dispose() => _scratch.Dispose();

    [Fact]
    public async Task VM_that_is_being_made_is_listed_before_it_has_a_record()
    {
        using LockedMachine made = await ClaimAsync();

        VirtualMachine seen = Assert.Single(new MicroVmEngine(_scratch.Paths).GetMachines());

        Assert.Equal(("web", VmState.Starting, "It is being made."), (seen.Name, seen.State, seen.StatusDetail));
        Assert.Equal(seen.Id, new MicroVmEngine(_scratch.Paths).FindMachine("WEB")!.Id);
    }

    [Fact]
    public async Task VM_whose_maker_died_before_it_had_a_record_is_not_listed()
    {
        (await ClaimAsync()).Dispose();

        Assert.Empty(new MicroVmEngine(_scratch.Paths).GetMachines());
    }

    [Fact]
    public async Task Removing_a_VM_by_force_ends_its_creation()
    {
        Task<VirtualMachine> making = Task.Run(() => BootPlan.CreateAsync(_context, Spec, start: true, NullObserver.Instance, CancellationToken.None));
        Guid id = await StartingAsync();

        VirtualMachine last = await RemovePlan.RemoveAsync(_context, id, force: true, NullObserver.Instance, CancellationToken.None).Within("the removal");

        Assert.Equal(("web", VmState.Stopped), (last.Name, last.State));
        MicroVmException failure = await Assert.ThrowsAsync<MicroVmException>(() => making).Within("the creation's end");
        Assert.Equal((ErrorIds.OperationEnded, ErrorKind.Ended), (failure.ErrorId, failure.Kind));
        Assert.Contains($"process {Environment.ProcessId} (Remove-MicroVm)", failure.Message, StringComparison.Ordinal);
        AssertNothingLeft();
    }

    [Fact]
    public async Task Turning_a_VM_off_ends_its_creation()
    {
        Task<VirtualMachine> making = Task.Run(() => BootPlan.CreateAsync(_context, Spec, start: true, NullObserver.Instance, CancellationToken.None));
        Guid id = await StartingAsync();

        await StopPlan.StopAsync(_context, id, StopMode.TurnOff, TimeSpan.Zero, NullObserver.Instance, CancellationToken.None).Within("the stop");

        await Assert.ThrowsAsync<MicroVmException>(() => making).Within("the creation's end");
        AssertNothingLeft();
    }

    [Fact]
    public async Task Turning_a_VM_off_ends_its_start_and_leaves_it_stopped()
    {
        VirtualMachine machine = await BootPlan.CreateAsync(_context, Spec, start: false, NullObserver.Instance, CancellationToken.None);
        Task<VirtualMachine> starting = Task.Run(() => BootPlan.StartAsync(_context, machine.Id, NullObserver.Instance, CancellationToken.None));
        await StartingAsync();

        VirtualMachine stopped = await StopPlan.StopAsync(
            _context, machine.Id, StopMode.GracefulThenForce, TimeSpan.Zero, NullObserver.Instance, CancellationToken.None).Within("the stop");

        Assert.Equal(VmState.Stopped, stopped.State);
        Assert.Equal(ErrorIds.OperationEnded, (await Assert.ThrowsAsync<MicroVmException>(() => starting).Within("the start's end")).ErrorId);
        await RemovePlan.RemoveAsync(_context, machine.Id, force: false, NullObserver.Instance, CancellationToken.None);
        AssertNothingLeft();
    }

    [Fact]
    public async Task Without_force_a_VM_that_is_being_made_is_busy()
    {
        using CancellationTokenSource source = new();
        Task<VirtualMachine> making = Task.Run(() => BootPlan.CreateAsync(_context, Spec, start: true, NullObserver.Instance, source.Token));
        Guid id = await StartingAsync();

        MicroVmException busy = await Assert.ThrowsAsync<MicroVmException>(
            () => RemovePlan.RemoveAsync(_context, id, force: false, NullObserver.Instance, CancellationToken.None));

        Assert.Equal(ErrorIds.MicroVmBusy, busy.ErrorId);
        Assert.False(making.IsCompleted);
        await source.CancelAsync();
        await Assert.ThrowsAnyAsync<OperationCanceledException>(() => making).Within("the creation's end");
        AssertNothingLeft();
    }

    [Fact]
    public async Task Request_from_before_an_operation_is_not_meant_for_it()
    {
        using LockedMachine made = await ClaimAsync();
        File.WriteAllText(Path.Combine(made.Directory, "end-request"), "process 1 (Remove-MicroVm)");

        using EndRequest request = EndRequest.Watch(made.Directory, "web", CancellationToken.None);

        Assert.False(File.Exists(Path.Combine(made.Directory, "end-request")));
        Assert.False(request.Token.IsCancellationRequested);
    }

    [Fact]
    public async Task Operation_that_does_not_listen_keeps_the_VM()
    {
        using LockedMachine made = await ClaimAsync();

        Assert.False(await EndRequest.SendAsync(made.Directory, "a test", TimeSpan.FromMilliseconds(100), CancellationToken.None));
        Assert.False(File.Exists(Path.Combine(made.Directory, "end-request")));
    }

    // A VM whose maker has got as far as its name.
    private async Task<LockedMachine> ClaimAsync()
    {
        MachineRecord record = Records.Stopped(Guid.NewGuid(), "web");
        return await BootPlan.ClaimAsync(_context, record, "a test", new UndoStack());
    }

    private async Task<Guid> StartingAsync()
    {
        bool IsStarting() => MachineView.Find(_context, _context.Machines.Ids().FirstOrDefault()) is { State: VmState.Starting };
        Assert.True(await Task.Run(() => SpinWait.SpinUntil(IsStarting, Limits.Generous)), "It never started.");
        return Assert.Single(_context.Machines.Ids());
    }

    private void AssertNothingLeft() => Assert.Empty(QemuHome.Inventory(_scratch.Path));
}
