using MicroVm.Engine.Machines;
using MicroVm.Engine.Native;
using MicroVm.Engine.State;
using MicroVm.Engine.Tests.State;
using MicroVm.Engine.Tests.Support;

namespace MicroVm.Engine.Tests.Machines;

public sealed class MachineViewTests : IDisposable
{
    private readonly Scratch _scratch = new();
    private readonly EngineContext _context;
    private readonly Guid _id = Guid.NewGuid();

    public MachineViewTests()
    {
        _context = new EngineContext(_scratch.Paths);
        MachineStore.MakeDirectory(_context.Machines.DirectoryOf(_id));
    }

    private static ProcessIdentity Gone => ProcessIdentity.Self with { StartTicks = 1 };

    public void Dispose() => _scratch.Dispose();

    [Fact]
    public void Stopped_VM()
    {
        VirtualMachine machine = MachineView.Of(_context, Records.Stopped(_id));

        Assert.Equal(VmState.Stopped, machine.State);
        Assert.Null(machine.ProcessId);
        Assert.Null(machine.Uptime);
        Assert.Null(machine.SerialSocketPath);
    }

    [Fact]
    public void Running_VM()
    {
        VirtualMachine machine = MachineView.Of(_context, Records.Running(_id, ProcessIdentity.Self));

        Assert.Equal(VmState.Running, machine.State);
        Assert.Equal(Environment.ProcessId, machine.ProcessId);
        Assert.True(machine.Uptime >= TimeSpan.Zero);
        Assert.StartsWith("/run/microvm/0123456789ab/", machine.SerialSocketPath, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData(0, null, VmState.Stopped, "The guest powered off.")]
    [InlineData(1, null, VmState.Failed, "The VMM ended with exit code 1: it broke")]
    [InlineData(null, 9, VmState.Failed, "The VMM ended with signal SIGKILL: it broke")]
    [InlineData(null, null, VmState.Stopped, "The VMM ended while nobody watched; its exit status is not known.")]
    public void VM_whose_VMM_is_gone(int? code, int? signal, VmState state, string detail)
    {
        if (code is not null || signal is not null)
        {
            _context.Machines.WriteExit(_id, new ExitRecord(Gone, new ProcessExit(code, signal), DateTimeOffset.Now) { VmmWords = "it broke" });
        }

        VirtualMachine machine = MachineView.Of(_context, Records.Running(_id, Gone));

        Assert.Equal(state, machine.State);
        Assert.Equal(detail, machine.StatusDetail);
        Assert.Null(machine.ProcessId);
    }

    [Fact]
    public void VMM_that_ended_while_it_was_being_stopped_has_not_failed()
    {
        _context.Machines.WriteExit(_id, new ExitRecord(Gone, new ProcessExit(null, 9), DateTimeOffset.Now));

        VirtualMachine machine = MachineView.Of(_context, Records.Running(_id, Gone) with { State = VmState.Stopping });

        Assert.Equal(VmState.Stopped, machine.State);
        Assert.Null(machine.StatusDetail);
        Assert.Equal("signal SIGKILL", machine.LastExit);
    }

    [Fact]
    public void Restart_of_the_host_stops_VMs()
    {
        VirtualMachine machine = MachineView.Of(_context, Records.Running(_id, ProcessIdentity.Self with { BootId = "another" }));

        Assert.Equal(VmState.Stopped, machine.State);
        Assert.Equal("The host was restarted.", machine.StatusDetail);
    }

    [Theory]
    [InlineData(VmState.Saving)]
    [InlineData(VmState.Stopping)]
    public void State_of_an_interrupted_operation_is_not_believed(VmState state)
    {
        MachineRecord record = Records.Running(_id, ProcessIdentity.Self) with { State = state };
        using (MachineLock.Acquire(_context.Machines.DirectoryOf(_id), "web", "a test"))
        {
            Assert.Equal(state, MachineView.Of(_context, record).State);
        }

        VirtualMachine machine = MachineView.Of(_context, record);
        Assert.Equal(VmState.Unknown, machine.State);
        Assert.Contains("interrupted", machine.StatusDetail, StringComparison.Ordinal);
        Assert.Equal(VmState.Stopped, MachineView.Of(_context, record with { Run = null }).State);
    }
}
