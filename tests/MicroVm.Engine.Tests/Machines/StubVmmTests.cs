using MicroVm.Engine.Errors;
using MicroVm.Engine.Machines;
using MicroVm.Engine.Native;
using MicroVm.Engine.State;
using MicroVm.Engine.Tests.RealQemu;
using MicroVm.Engine.Tests.Support;
using MicroVm.Engine.Vmm;
using MicroVm.Engine.Vmm.Qemu;

namespace MicroVm.Engine.Tests.Machines;

/// <summary>The plans with programs in QEMU's place that behave as QEMU does rarely.</summary>
public sealed class StubVmmTests : IDisposable
{
    private readonly Scratch _scratch = new();

    private VirtualMachineSpec Spec => new() { Name = "web", KernelPath = _scratch.File("kernel"), MemoryBytes = 32L << 20 };

    public StubVmmTests() => File.WriteAllText(_scratch.File("kernel"), "kernel");

    public void Dispose() => _scratch.Dispose();

    [StubVmmFact]
    public async Task Program_that_exits_at_once_is_reported_with_its_last_words()
    {
        EngineContext context = ContextOf("#!/bin/sh\necho first >&2\necho 'no such device: xyz' >&2\nexit 3\n");

        MicroVmException error = await FailAsync(context);

        Assert.Equal(ErrorIds.HypervisorExited, error.ErrorId);
        Assert.Contains("exit code 3: first | no such device: xyz", error.Message, StringComparison.Ordinal);
    }

    [StubVmmFact]
    public async Task Program_that_is_killed_while_it_starts_is_reported_with_its_signal()
    {
        MicroVmException error = await FailAsync(ContextOf("#!/bin/sh\nkill -SEGV $$\n"));

        Assert.Equal(ErrorIds.HypervisorExited, error.ErrorId);
        Assert.Contains("signal SIGSEGV", error.Message, StringComparison.Ordinal);
    }

    [StubVmmFact]
    public async Task Program_with_a_missing_interpreter_cannot_be_started()
    {
        MicroVmException error = await FailAsync(ContextOf("#!/nowhere/interpreter\n"));

        Assert.Equal(ErrorIds.HypervisorNotFound, error.ErrorId);
    }

    [StubVmmFact]
    public async Task Program_that_talks_nonsense_is_ended()
    {
        MicroVmException error = await FailAsync(ContextOf(
            """
            #!/usr/bin/perl
            open(my $listener, '+<&=', 3); accept(my $client, $listener); syswrite($client, "HTTP/1.1 400 Bad Request\r\n"); sleep 1000;
            """));

        Assert.Equal(ErrorIds.HypervisorExited, error.ErrorId);
        Assert.Contains("no exit yet", error.Message, StringComparison.Ordinal);
    }

    [StubVmmFact]
    public async Task Waiting_for_a_silent_program_can_be_cancelled()
    {
        EngineContext context = ContextOf("#!/bin/sh\nexec sleep 1000\n");
        using CancellationTokenSource source = new(TimeSpan.FromMilliseconds(300));

        await Assert.ThrowsAnyAsync<OperationCanceledException>(() => BootPlan.CreateAsync(context, Spec, start: true, NullObserver.Instance, source.Token));

        AssertNothingLeft();
    }

    [StubVmmFact]
    public async Task Run_directory_whose_sockets_would_have_too_long_names_is_refused()
    {
        MicroVmPaths paths = new(_scratch.File(new string('r', 90)), _scratch.File("data"));
        EngineContext context = new(paths, [new StubVmm(StubVmm.Write(_scratch, StubVmm.WellBehaved))]);

        MicroVmException error = await Assert.ThrowsAsync<MicroVmException>(
            () => BootPlan.CreateAsync(context, Spec, start: true, NullObserver.Instance, CancellationToken.None));

        Assert.Equal(ErrorIds.PathTooLong, error.ErrorId);
        Assert.Empty(Directory.GetFileSystemEntries(paths.RunDirectory));
        AssertNothingLeft();
    }

    [StubVmmFact]
    public async Task Stubborn_program_is_killed_in_the_end()
    {
        EngineContext context = ContextOf(StubVmm.WellBehaved.Replace("use strict;", "use strict; $SIG{TERM} = 'IGNORE';", StringComparison.Ordinal)
            .Replace("exit 0 if", "next if", StringComparison.Ordinal));
        VirtualMachine machine = await CreateAsync(context);

        VirtualMachine stopped = await StopPlan.StopAsync(context, machine.Id, StopMode.TurnOff, TimeSpan.Zero, NullObserver.Instance, CancellationToken.None);

        Assert.Equal(VmState.Stopped, stopped.State);
        Assert.Equal("signal SIGKILL", stopped.LastExit);
        await RemovePlan.RemoveAsync(context, machine.Id, force: true, NullObserver.Instance, CancellationToken.None);
        AssertNothingLeft();
    }

    [StubVmmFact]
    public async Task Exit_with_a_status_makes_a_failed_VM_and_one_without_a_stopped_one()
    {
        EngineContext context = ContextOf(StubVmm.WellBehaved.Replace("exit 0 if", "exit(shift(@ARGV) eq '-name' ? 7 : 0) if", StringComparison.Ordinal));
        VirtualMachine machine = await CreateAsync(context);
        IVmmConnection connection = await new QemuDriver().ConnectAsync(Path.GetDirectoryName(machine.SerialSocketPath)!, CancellationToken.None);
        await using (connection)
        {
            await connection.QuitAsync(CancellationToken.None);
        }

        VirtualMachine failed = await WaitPlan.StateAsync(context, machine.Id, VmState.Failed, Limits.Generous, NullObserver.Instance, CancellationToken.None);

        Assert.Equal("exit code 7", failed.LastExit);
        await RemovePlan.RemoveAsync(context, machine.Id, force: false, NullObserver.Instance, CancellationToken.None);
        AssertNothingLeft();
    }

    [StubVmmFact]
    public async Task VM_can_be_made_without_being_started()
    {
        EngineContext context = ContextOf(StubVmm.WellBehaved);
        VirtualMachine machine = await BootPlan.CreateAsync(context, Spec, start: false, NullObserver.Instance, CancellationToken.None);
        Assert.Equal(VmState.Stopped, machine.State);
        Assert.Null(machine.ProcessId);

        Assert.Equal(VmState.Running, (await BootPlan.StartAsync(context, machine.Id, NullObserver.Instance, CancellationToken.None)).State);
        MicroVmException error = await Assert.ThrowsAsync<MicroVmException>(
            () => BootPlan.StartAsync(context, machine.Id, NullObserver.Instance, CancellationToken.None));
        Assert.Equal(ErrorIds.InvalidMicroVmState, error.ErrorId);
        await RemovePlan.RemoveAsync(context, machine.Id, force: true, NullObserver.Instance, CancellationToken.None);
        AssertNothingLeft();
    }

    [StubVmmFact]
    public async Task Missing_kernel_of_a_stopped_VM_is_named()
    {
        EngineContext context = ContextOf(StubVmm.WellBehaved);
        VirtualMachine machine = await BootPlan.CreateAsync(context, Spec, start: false, NullObserver.Instance, CancellationToken.None);
        File.Delete(_scratch.File("kernel"));

        MicroVmException error = await Assert.ThrowsAsync<MicroVmException>(
            () => BootPlan.StartAsync(context, machine.Id, NullObserver.Instance, CancellationToken.None));

        Assert.Equal(ErrorIds.FileNotFound, error.ErrorId);
        Assert.Equal(VmState.Stopped, MachineView.Of(context, context.Machines.Read(machine.Id)!).State);
        await RemovePlan.RemoveAsync(context, machine.Id, force: false, NullObserver.Instance, CancellationToken.None);
    }

    [StubVmmFact]
    public async Task Operations_that_do_not_touch_each_other_run_at_once()
    {
        EngineContext context = ContextOf(StubVmm.WellBehaved);
        VirtualMachine[] machines = await Task.WhenAll(Enumerable.Range(0, 12).Select(i => Task.Run(
            () => BootPlan.CreateAsync(context, Spec with { Name = $"web-{i}" }, start: true, NullObserver.Instance, CancellationToken.None))));
        Assert.All(machines, machine => Assert.Equal(VmState.Running, machine.State));

        await Task.WhenAll(machines.Select(machine => Task.Run(
            () => StopPlan.StopAsync(context, machine.Id, StopMode.Graceful, Limits.Generous, NullObserver.Instance, CancellationToken.None))));
        await Task.WhenAll(machines.Select(machine => Task.Run(() => RemovePlan.RemoveAsync(context, machine.Id, force: false, NullObserver.Instance, CancellationToken.None))));
        AssertNothingLeft();
    }

    [StubVmmFact]
    public async Task Of_many_with_one_name_exactly_one_is_made()
    {
        EngineContext context = ContextOf(StubVmm.WellBehaved);
        string[] results = await Task.WhenAll(Enumerable.Range(0, 10).Select(_ => Task.Run(async () =>
        {
            try
            {
                return (await CreateAsync(context)).Name;
            }
            catch (MicroVmException exception)
            {
                return exception.ErrorId;
            }
        })));

        Assert.Equal([ErrorIds.MicroVmAlreadyExists, "web"], results.Distinct().Order());
        Assert.Single(results, "web");
        Guid id = Assert.Single(context.Machines.Ids());
        await RemovePlan.RemoveAsync(context, id, force: true, NullObserver.Instance, CancellationToken.None);
        AssertNothingLeft();
    }

    [StubVmmFact]
    public async Task Everything_at_once_on_one_VM_ends_in_typed_errors_only()
    {
        EngineContext context = ContextOf(StubVmm.WellBehaved);
        for (int round = 0; round < 10; round++)
        {
            VirtualMachine machine = await CreateAsync(context);
            MicroVmEngine engine = new(_scratch.Paths);
            bool done = false;
            Task watching = Task.Run(() =>
            {
                while (!Volatile.Read(ref done))
                {
                    Assert.InRange(engine.GetMachines().Count(), 0, 1);
                    engine.FindMachine("web");
                }
            });
            Func<Task>[] operations =
            [
                () => PausePlan.SuspendAsync(context, machine.Id, NullObserver.Instance, CancellationToken.None),
                () => PausePlan.ResumeAsync(context, machine.Id, NullObserver.Instance, CancellationToken.None),
                () => StopPlan.StopAsync(context, machine.Id, StopMode.TurnOff, TimeSpan.Zero, NullObserver.Instance, CancellationToken.None),
                () => BootPlan.StartAsync(context, machine.Id, NullObserver.Instance, CancellationToken.None),
                () => RemovePlan.RemoveAsync(context, machine.Id, force: true, NullObserver.Instance, CancellationToken.None),
            ];
            await Task.WhenAll(operations.Concat(operations).Select(operation => Task.Run(async () =>
            {
                try
                {
                    await operation();
                }
                catch (MicroVmException exception)
                {
                    Assert.Contains(exception.ErrorId, (string[])[ErrorIds.MicroVmBusy, ErrorIds.MicroVmNotFound, ErrorIds.InvalidMicroVmState, ErrorIds.OperationEnded]);
                }
            })));
            Volatile.Write(ref done, true);
            await watching;
            if (context.Machines.Read(machine.Id) is not null)
            {
                await RemovePlan.RemoveAsync(context, machine.Id, force: true, NullObserver.Instance, CancellationToken.None);
            }

            AssertNothingLeft();
        }
    }

    [StubVmmFact]
    public async Task VM_that_is_being_removed_is_there_or_busy_or_gone()
    {
        EngineContext context = ContextOf(StubVmm.WellBehaved);
        MicroVmEngine engine = new(_scratch.Paths);
        for (int round = 0; round < 200; round++)
        {
            VirtualMachine machine = await BootPlan.CreateAsync(context, Spec, start: false, NullObserver.Instance, CancellationToken.None);
            Task removing = Task.Run(async () =>
            {
                while (true)
                {
                    try
                    {
                        await RemovePlan.RemoveAsync(context, machine.Id, force: false, NullObserver.Instance, CancellationToken.None);
                        return;
                    }
                    catch (MicroVmException exception) when (exception.ErrorId == ErrorIds.MicroVmBusy)
                    {
                        // One of those below looks at it.
                    }
                }
            });
            while (!removing.IsCompleted)
            {
                Assert.InRange(engine.GetMachines().Count(), 0, 1);
                MachineLock.IsHeld(context.Machines.DirectoryOf(machine.Id));
                try
                {
                    (await context.OpenAsync(machine.Id, "a test")).Dispose();
                }
                catch (MicroVmException exception)
                {
                    Assert.Contains(exception.ErrorId, (string[])[ErrorIds.MicroVmBusy, ErrorIds.MicroVmNotFound]);
                }
            }

            await removing;
            AssertNothingLeft();
        }
    }

    [StubVmmFact]
    public async Task VMM_that_hangs_is_ended_by_force_within_the_given_time()
    {
        const int Stop = 19;
        EngineContext context = ContextOf(StubVmm.WellBehaved);
        VirtualMachine machine = await CreateAsync(context);
        using ProcessDescriptor process = ProcessDescriptor.TryOpen(machine.ProcessId!.Value)!;
        process.Signal(Stop);

        VirtualMachine stopped = await StopPlan.StopAsync(
            context, machine.Id, StopMode.GracefulThenForce, TimeSpan.FromMilliseconds(100), NullObserver.Instance, CancellationToken.None);

        Assert.Equal(VmState.Stopped, stopped.State);
        Assert.Equal("signal SIGKILL", stopped.LastExit);
        await RemovePlan.RemoveAsync(context, machine.Id, force: false, NullObserver.Instance, CancellationToken.None);
    }

    [StubVmmFact]
    public async Task VMM_that_hangs_and_is_asked_nicely_makes_a_timeout()
    {
        const int Stop = 19;
        EngineContext context = ContextOf(StubVmm.WellBehaved);
        VirtualMachine machine = await CreateAsync(context);
        using ProcessDescriptor process = ProcessDescriptor.TryOpen(machine.ProcessId!.Value)!;
        process.Signal(Stop);

        MicroVmException error = await Assert.ThrowsAsync<MicroVmException>(() => StopPlan.StopAsync(
            context, machine.Id, StopMode.Graceful, TimeSpan.FromMilliseconds(100), NullObserver.Instance, CancellationToken.None));

        Assert.Equal(ErrorIds.MicroVmTimeout, error.ErrorId);
        Assert.Equal(VmState.Running, MachineView.Of(context, context.Machines.Read(machine.Id)!).State);
        await RemovePlan.RemoveAsync(context, machine.Id, force: true, NullObserver.Instance, CancellationToken.None);
    }

    [StubVmmFact]
    public async Task Cancelling_at_any_moment_of_the_making_leaves_nothing()
    {
        EngineContext context = ContextOf(StubVmm.WellBehaved);
        int cancelled = 0;
        for (int milliseconds = 0; milliseconds < 40; milliseconds++)
        {
            using CancellationTokenSource source = new(TimeSpan.FromMilliseconds(milliseconds));
            try
            {
                VirtualMachine machine = await BootPlan.CreateAsync(context, Spec, start: true, NullObserver.Instance, source.Token);
                await RemovePlan.RemoveAsync(context, machine.Id, force: true, NullObserver.Instance, CancellationToken.None);
            }
            catch (OperationCanceledException)
            {
                cancelled++;
            }

            AssertNothingLeft();
        }

        Assert.True(cancelled > 0);
    }

    [StubVmmFact]
    public async Task Restarted_VM_has_another_VMM_and_nobody_gets_in_between()
    {
        EngineContext context = ContextOf(StubVmm.WellBehaved);
        VirtualMachine machine = await CreateAsync(context);
        foreach (StopMode mode in (StopMode[])[StopMode.Graceful, StopMode.TurnOff])
        {
            Task<VirtualMachine> restarting = RestartAsync(mode);
            while (!restarting.IsCompleted)
            {
                // Whoever gets the lock gets it before or after, when the VM runs.
                try
                {
                    using LockedMachine other = await context.OpenAsync(machine.Id, "a test");
                    Assert.Equal(VmState.Running, other.View.State);
                }
                catch (MicroVmException exception) when (exception.ErrorId == ErrorIds.MicroVmBusy)
                {
                }
            }

            VirtualMachine restarted = await restarting;
            Assert.Equal(VmState.Running, restarted.State);
            Assert.NotEqual(machine.ProcessId, restarted.ProcessId);
            Assert.Single(Directory.GetDirectories(_scratch.Paths.RunDirectory));
        }

        await RemovePlan.RemoveAsync(context, machine.Id, force: true, NullObserver.Instance, CancellationToken.None);
        AssertNothingLeft();

        Task<VirtualMachine> RestartAsync(StopMode mode) => Task.Run(async () =>
        {
            while (true)
            {
                try
                {
                    return await BootPlan.RestartAsync(context, machine.Id, mode, Limits.Generous, NullObserver.Instance, CancellationToken.None);
                }
                catch (MicroVmException exception) when (exception.ErrorId == ErrorIds.MicroVmBusy)
                {
                    // The test was quicker.
                }
            }
        });
    }

    [StubVmmFact]
    public async Task VM_that_does_not_stop_or_could_not_boot_is_not_restarted()
    {
        EngineContext context = ContextOf(StubVmm.WellBehaved.Replace("exit 0 if", "exit 0 if $command eq 'quit'; next if", StringComparison.Ordinal));
        VirtualMachine machine = await CreateAsync(context);

        await FailAsync(ErrorIds.MicroVmTimeout, StopMode.Graceful);
        File.Move(_scratch.File("kernel"), _scratch.File("moved"));
        await FailAsync(ErrorIds.FileNotFound, StopMode.TurnOff);
        File.Move(_scratch.File("moved"), _scratch.File("kernel"));
        Assert.Equal(machine.ProcessId, MachineView.Of(context, context.Machines.Read(machine.Id)!).ProcessId);

        VirtualMachine restarted = await BootPlan.RestartAsync(
            context, machine.Id, StopMode.GracefulThenForce, TimeSpan.FromMilliseconds(100), NullObserver.Instance, CancellationToken.None);
        Assert.NotEqual(machine.ProcessId, restarted.ProcessId);
        await StopPlan.StopAsync(context, machine.Id, StopMode.TurnOff, TimeSpan.Zero, NullObserver.Instance, CancellationToken.None);
        await FailAsync(ErrorIds.InvalidMicroVmState, StopMode.TurnOff);
        await RemovePlan.RemoveAsync(context, machine.Id, force: true, NullObserver.Instance, CancellationToken.None);
        AssertNothingLeft();

        async Task FailAsync(string errorId, StopMode mode)
        {
            MicroVmException error = await Assert.ThrowsAsync<MicroVmException>(() => BootPlan.RestartAsync(
                context, machine.Id, mode, TimeSpan.FromMilliseconds(100), NullObserver.Instance, CancellationToken.None));
            Assert.Equal(errorId, error.ErrorId);
        }
    }

    [RootFact]
    public void QEMU_that_is_not_installed_is_missed()
    {
        // On a thread for which nothing is installed.
        using MicroVm.Engine.Isolation.NamespaceThread thread = new("/usr/bin");
        MicroVmException error = Assert.Throws<MicroVmException>(() => thread.Run(() =>
            ProgramFinder.Find("qemu-system-x86_64") is null ? new QemuDriver().FindProgram(path: null) : throw new MicroVmException(ErrorIds.HypervisorNotFound, ErrorKind.NotInstalled, "It is elsewhere.")));

        Assert.Equal(ErrorIds.HypervisorNotFound, error.ErrorId);
        Assert.Equal(ErrorKind.NotInstalled, error.Kind);
    }

    private EngineContext ContextOf(string script) => new(_scratch.Paths, [new StubVmm(StubVmm.Write(_scratch, script))]);

    private Task<VirtualMachine> CreateAsync(EngineContext context) =>
        BootPlan.CreateAsync(context, Spec, start: true, NullObserver.Instance, CancellationToken.None);

    private async Task<MicroVmException> FailAsync(EngineContext context)
    {
        RecordingObserver observer = new();
        MicroVmException error = await Assert.ThrowsAsync<MicroVmException>(() => BootPlan.CreateAsync(context, Spec, start: true, observer, CancellationToken.None));
        Assert.DoesNotContain(observer.Warnings, warning => warning.StartsWith("Left behind", StringComparison.Ordinal));
        AssertNothingLeft();
        return error;
    }

    private void AssertNothingLeft() => Assert.Empty(QemuHome.Inventory(_scratch.Path));
}
