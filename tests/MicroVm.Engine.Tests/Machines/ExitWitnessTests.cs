using MicroVm.Engine.Machines;
using MicroVm.Engine.Native;
using MicroVm.Engine.State;
using MicroVm.Engine.Tests.State;
using MicroVm.Engine.Tests.Support;

namespace MicroVm.Engine.Tests.Machines;

public sealed class ExitWitnessTests : IDisposable
{
    private readonly Scratch _scratch = new();
    private readonly EngineContext _context;
    private readonly Guid _id = Guid.NewGuid();

    public ExitWitnessTests()
    {
        _context = new EngineContext(_scratch.Paths);
        MachineStore.MakeDirectory(_context.Machines.DirectoryOf(_id));
    }

    public void Dispose() => _scratch.Dispose();

    [ExitInfoTheory]
    [InlineData("exit 3", 3, null)]
    [InlineData("exit 0", 0, null)]
    [InlineData("kill -SEGV $$", null, 11)]
    public async Task End_of_a_process_is_noted_whoever_reaped_it(string script, int? code, int? signal)
    {
        using TestProcess vmm = TestProcess.Start("/dev/null", "sh", "-c", $"read wait < {Pipe()}; {script}");
        using ProcessDescriptor descriptor = ProcessDescriptor.TryOpen(vmm.Id)!;
        Record(vmm.Identity);
        Assert.Null(descriptor.TryGetExit());
        Task noted = ExitWitness.NoteAsync(_context, _id, vmm.Identity, descriptor, Limits.Generous);

        Release();
        vmm.WaitForEnd();
        Assert.Null(descriptor.TryGetExit());
        vmm.Reap();
        await noted.Within("the note");

        Assert.Equal(new ProcessExit(code, signal), _context.Machines.ReadExit(_id, vmm.Identity)!.Exit);
    }

    [ExitInfoFact]
    public async Task A_note_that_is_there_stays()
    {
        using TestProcess vmm = TestProcess.Start("/dev/null", "sh", "-c", "exit 3");
        using ProcessDescriptor descriptor = ProcessDescriptor.TryOpen(vmm.Id)!;
        Record(vmm.Identity);
        vmm.WaitForEnd();
        vmm.Reap();
        _context.Machines.WriteExit(_id, new ExitRecord(vmm.Identity, new ProcessExit(99, null), DateTimeOffset.Now));

        await ExitWitness.NoteAsync(_context, _id, vmm.Identity, descriptor, Limits.Generous);

        Assert.Equal(99, _context.Machines.ReadExit(_id)!.Exit.Code);
    }

    [ExitInfoFact]
    public async Task Of_a_run_that_is_over_nothing_is_noted()
    {
        using TestProcess vmm = TestProcess.Start("/dev/null", "sh", "-c", "exit 3");
        using ProcessDescriptor descriptor = ProcessDescriptor.TryOpen(vmm.Id)!;
        _context.Machines.Write(Records.Stopped(_id));
        vmm.WaitForEnd();
        vmm.Reap();

        await ExitWitness.NoteAsync(_context, _id, vmm.Identity, descriptor, Limits.Generous);

        Assert.Null(_context.Machines.ReadExit(_id));
    }

    [Fact]
    public async Task Who_stops_the_child_of_another_records_how_it_ended()
    {
        using TestProcess vmm = TestProcess.Sleeper();
        Record(vmm.Identity);
        using LockedMachine machine = await _context.OpenAsync(_id, "Stop-MicroVm");
        vmm.Signal(Signals.Kill);

        await StopPlan.StopAsync(
            _context,
            machine,
            machine.Record.Run!,
            StopMode.TurnOff,
            TimeSpan.Zero,
            new PhaseTimer(NullObserver.Instance, "Stop"),
            NullObserver.Instance,
            CancellationToken.None);

        Assert.Equal((VmState.Stopped, "signal SIGKILL"), (machine.View.State, machine.View.LastExit));
    }

    [Fact]
    public void Last_words_are_those_of_the_run_and_outlive_the_next_start()
    {
        string serial = _context.Machines.SerialLogOf(_id);
        File.WriteAllText(serial, "an earlier run\n");
        long offset = new FileInfo(serial).Length;
        File.AppendAllText(serial, "\u001b[31mPanic\r\n\r\nat the end\n");
        string vmm = _context.Machines.VmmLogOf(_id);
        File.WriteAllText(vmm, "qemu: an earlier run\n");
        long vmmOffset = new FileInfo(vmm).Length;
        File.AppendAllText(vmm, "qemu: it broke\n");
        ProcessIdentity gone = ProcessIdentity.Self with { StartTicks = 1 };

        ExitNotes.Write(_context, _id, gone, new ProcessExit(1, null), offset, vmmOffset);
        File.AppendAllText(serial, "the next run\n");

        VirtualMachine machine = MachineView.Of(_context, Records.Running(_id, ProcessIdentity.Self));
        Assert.Equal("[31mPanic\nat the end\nqemu: it broke", machine.LastWords);
        Assert.Equal("The VMM ended with exit code 1: qemu: it broke", MachineView.Of(_context, Records.Running(_id, gone)).StatusDetail);
    }

    [Fact]
    public void Nobody_whose_end_was_not_seen_has_last_words() => Assert.Null(MachineView.Of(_context, Records.Stopped(_id)).LastWords);

    private string Pipe()
    {
        Fifo.Create(_scratch.File("pipe"));
        return _scratch.File("pipe");
    }

    private void Release() => File.WriteAllText(_scratch.File("pipe"), "\n");

    private void Record(ProcessIdentity vmm) => _context.Machines.Write(Records.Running(_id, vmm));
}
