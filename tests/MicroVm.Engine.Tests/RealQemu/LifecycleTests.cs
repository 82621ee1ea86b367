using MicroVm.Engine.Errors;
using MicroVm.Engine.Machines;
using MicroVm.Engine.Native;
using MicroVm.Engine.State;
using MicroVm.Engine.Tests.Support;
using MicroVm.Engine.Vmm;

namespace MicroVm.Engine.Tests.RealQemu;

public sealed class LifecycleTests(QemuHome home) : QemuTests(home)
{
    [QemuFact]
    public async Task Stopped_VM_boots_again_with_its_disk()
    {
        VirtualMachine machine = await Engine.CreateAsync(QemuHome.Small with { Name = "Web" }, start: true, Silent, CancellationToken.None);
        Assert.Equal(VmState.Running, machine.State);
        Assert.Equal("Web", Engine.FindMachine("wEB")!.Name);
        machine = await Engine.WaitReadyAsync(machine.Id, TimeSpan.FromSeconds(90), Silent, CancellationToken.None);
        await new Guest(machine).WriteFileAsync("note", "kept");

        VirtualMachine stopped = await Home.StopAsync(machine, StopMode.Graceful);
        Assert.Equal(VmState.Stopped, stopped.State);
        Assert.Equal("exit code 0", stopped.LastExit);
        Assert.Null(stopped.ProcessId);
        Assert.Equal(stopped, await Home.StopAsync(machine, StopMode.Graceful));

        machine = await Engine.StartAsync(machine.Id, Silent, CancellationToken.None);
        Assert.Equal(VmState.Running, machine.State);
        await Engine.WaitReadyAsync(machine.Id, TimeSpan.FromSeconds(90), Silent, CancellationToken.None);
        await new Guest(machine).AssertFileAsync("note", "kept");
    }

    [QemuFact]
    public async Task Process_is_isolated_and_its_own_master()
    {
        VirtualMachine machine = await Home.CloneAsync("web");
        int id = machine.ProcessId!.Value;

        string[] fields = File.ReadAllText($"/proc/{id}/stat").Split(") ")[1].Split(' ');
        Assert.Equal($"{id}", fields[3]);
        Assert.Equal("/", new FileInfo($"/proc/{id}/cwd").LinkTarget);
        if (Host.WhyNotRoot is null)
        {
            Assert.All((string[])["mnt", "net", "ipc"], kind => Assert.NotEqual(new FileInfo($"/proc/self/ns/{kind}").LinkTarget, new FileInfo($"/proc/{id}/ns/{kind}").LinkTarget));
        }

        string memory = File.ReadAllText($"/proc/{id}/smaps").Split($" {new FileInfo($"/proc/{id}/fd/{VmmDescriptors.Memory}").LinkTarget}\n")[1];
        string flags = memory.Split('\n').First(line => line.StartsWith("VmFlags:", StringComparison.Ordinal));
        Assert.Contains(" dd", flags, StringComparison.Ordinal);

        string[] files = [.. Directory.GetFileSystemEntries($"/proc/{id}/fd").Select(path => new FileInfo(path).LinkTarget!)];
        Assert.DoesNotContain(files, file => file.Contains(".dll", StringComparison.Ordinal) || file.EndsWith("/lock", StringComparison.Ordinal));
        Assert.Equal(UnixFileMode.UserRead | UnixFileMode.UserWrite, File.GetUnixFileMode(machine.SerialSocketPath!));
    }

    [QemuFact]
    public async Task Suspended_guest_stands_still_and_goes_on_with_the_next_tick()
    {
        VirtualMachine machine = await Home.CloneAsync("web");
        Guest guest = new(machine);
        await guest.StartCountingAsync();

        VirtualMachine paused = await Engine.SuspendAsync(machine.Id, Silent, CancellationToken.None);
        Assert.Equal(VmState.Paused, paused.State);
        long[] before = guest.Ticks;
        Assert.Equal(VmState.Paused, (await Engine.SuspendAsync(machine.Id, Silent, CancellationToken.None)).State);
        // While this one counts on, the other one does not.
        Guest other = new(await Home.CloneAsync("other"));
        await other.StartCountingAsync();
        Assert.Equal(before, guest.Ticks);

        Assert.Equal(VmState.Running, (await Engine.ResumeAsync(machine.Id, Silent, CancellationToken.None)).State);
        Assert.True(await guest.NextTickAsync() > before[^1]);
        Guest.AssertContinuous(guest.Ticks);
        Assert.Equal(VmState.Running, (await Engine.ResumeAsync(machine.Id, Silent, CancellationToken.None)).State);
    }

    [QemuFact]
    public async Task Guest_that_ignores_the_power_button_runs_on_after_a_timeout_and_can_be_forced()
    {
        VirtualMachine machine = await Home.CloneAsync("web");
        Guest guest = new(machine);
        await guest.AskAsync("kill -STOP $(pidof acpid) && echo de''af", "deaf");
        await guest.StartCountingAsync();

        MicroVmException error = await Assert.ThrowsAsync<MicroVmException>(() => Home.StopAsync(machine, StopMode.Graceful, TimeSpan.FromSeconds(1)));

        Assert.Equal(ErrorIds.MicroVmTimeout, error.ErrorId);
        Assert.Equal(VmState.Running, Now(machine).State);
        await guest.NextTickAsync();
        Guest.AssertContinuous(guest.Ticks);
        VirtualMachine stopped = await Home.StopAsync(machine, StopMode.GracefulThenForce, TimeSpan.FromMilliseconds(200));
        Assert.Equal(VmState.Stopped, stopped.State);
        Assert.Null(stopped.StatusDetail);
    }

    [QemuFact]
    public async Task Waiting_for_a_guest_to_stop_can_be_cancelled_and_leaves_it_running()
    {
        VirtualMachine machine = await Home.CloneAsync("web");
        await new Guest(machine).AskAsync("kill -STOP $(pidof acpid) && echo de''af", "deaf");
        using CancellationTokenSource source = new();
        RecordingObserver observer = new() { Heard = text => { if (text.Contains("Waiting", StringComparison.Ordinal)) { source.Cancel(); } } };

        await Assert.ThrowsAnyAsync<OperationCanceledException>(() => Engine.StopAsync(machine.Id, StopMode.Graceful, Limits.Generous, observer, source.Token));

        Assert.Equal(VmState.Running, Now(machine).State);
    }

    [QemuFact]
    public async Task Paused_guest_cannot_be_asked_but_turned_off()
    {
        VirtualMachine machine = await Home.CloneAsync("web");
        await Engine.SuspendAsync(machine.Id, Silent, CancellationToken.None);

        MicroVmException error = await Assert.ThrowsAsync<MicroVmException>(() => Home.StopAsync(machine, StopMode.Graceful));
        Assert.Equal(ErrorIds.InvalidMicroVmState, error.ErrorId);
        Assert.Equal(VmState.Paused, Now(machine).State);

        Assert.Equal(VmState.Stopped, (await Home.StopAsync(machine, StopMode.TurnOff)).State);
    }

    // What a save leaves is in FailpointTests: its guest goes on by itself.
    [QemuTheory]
    [InlineData("Restoring")]
    [InlineData("Stopping")]
    public async Task VM_whose_operation_was_killed_goes_on(string state)
    {
        VirtualMachine machine = await Home.CloneAsync("web");
        await Engine.SuspendAsync(machine.Id, Silent, CancellationToken.None);
        Leave();
        Assert.Equal(VmState.Unknown, Now(machine).State);

        MicroVmException error = await Assert.ThrowsAsync<MicroVmException>(() => Home.StopAsync(machine, StopMode.Graceful));
        Assert.Equal(ErrorIds.InvalidMicroVmState, error.ErrorId);
        Assert.Equal(VmState.Paused, Now(machine).State);

        Leave();
        await Home.SaveAsync(machine, "after");
        Assert.Equal(VmState.Paused, Now(machine).State);

        Leave();
        Assert.Equal(VmState.Running, (await Engine.ResumeAsync(machine.Id, Silent, CancellationToken.None)).State);
        Assert.Null(Now(machine).StatusDetail);
        await new Guest(machine).StartCountingAsync();

        void Leave() => Home.Context.Machines.Write(Home.Context.Machines.Read(machine.Id)! with { State = Enum.Parse<VmState>(state) });
    }

    [QemuFact]
    public async Task Hung_VMM_is_ended_by_force()
    {
        VirtualMachine machine = await Home.CloneAsync("web");
        const int Stop = 19;
        Signal(machine, Stop);

        MicroVmException error = await Assert.ThrowsAsync<MicroVmException>(() => Home.StopAsync(machine, StopMode.Graceful, TimeSpan.FromSeconds(1)));
        Assert.Equal(ErrorIds.MicroVmTimeout, error.ErrorId);
        Assert.Equal(VmState.Stopped, (await Home.StopAsync(machine, StopMode.GracefulThenForce, TimeSpan.FromSeconds(1))).State);
    }

    [QemuFact]
    public async Task Killed_VMM_makes_a_failed_VM_that_can_be_started()
    {
        VirtualMachine machine = await Home.CloneAsync("web");
        Task<VirtualMachine> waiting = Engine.WaitStateAsync(machine.Id, VmState.Failed, Limits.Generous, Silent, CancellationToken.None);
        Signal(machine, Signals.Kill);

        VirtualMachine failed = await waiting;
        Assert.Equal("signal SIGKILL", failed.LastExit);
        Assert.Contains("signal SIGKILL", failed.StatusDetail, StringComparison.Ordinal);
        Assert.Null(failed.ProcessId);
        Assert.Equal(failed, Now(machine));
        MicroVmException error = await Assert.ThrowsAsync<MicroVmException>(() => Engine.SuspendAsync(machine.Id, Silent, CancellationToken.None));
        Assert.Equal(ErrorIds.InvalidMicroVmState, error.ErrorId);

        Assert.Equal(VmState.Running, (await Engine.StartAsync(machine.Id, Silent, CancellationToken.None)).State);
    }

    [QemuFact]
    public async Task Guest_that_powers_off_is_stopped()
    {
        VirtualMachine machine = await Home.CloneAsync("web");
        Task<VirtualMachine> waiting = Engine.WaitStateAsync(machine.Id, VmState.Stopped, Limits.Generous, Silent, CancellationToken.None);
        await new Guest(machine).AskAsync("echo go''ing; poweroff -f", "going");

        VirtualMachine stopped = await waiting;
        Assert.Equal("exit code 0", stopped.LastExit);
        Assert.Equal("The guest powered off.", stopped.StatusDetail);
    }

    [QemuFact]
    public async Task Guest_that_ends_before_it_is_ready_fails_the_wait_at_once()
    {
        VirtualMachine machine = await Engine.CreateAsync(
            QemuHome.Small with { Name = "web", KernelArguments = ["rdinit=/nowhere", "init=/nowhere"] }, start: true, Silent, CancellationToken.None);

        MicroVmException error = await Assert.ThrowsAsync<MicroVmException>(
            () => Engine.WaitReadyAsync(machine.Id, TimeSpan.FromSeconds(90), Silent, CancellationToken.None));

        Assert.Equal(VmState.Failed, Now(machine).State);
        Assert.Contains("panicked", Now(machine).StatusDetail, StringComparison.Ordinal);
        Assert.Equal(ErrorIds.HypervisorExited, error.ErrorId);
        Assert.Contains("ended before it was ready (exit code 0). Its console last said: ", error.Message, StringComparison.Ordinal);
    }

    [QemuFact]
    public async Task Waits_run_out_and_can_be_cancelled()
    {
        VirtualMachine machine = await Engine.CreateAsync(QemuHome.Small with { Name = "web" }, start: true, Silent, CancellationToken.None);

        MicroVmException notReady = await Assert.ThrowsAsync<MicroVmException>(
            () => Engine.WaitReadyAsync(machine.Id, TimeSpan.FromMilliseconds(1), Silent, CancellationToken.None));
        Assert.Equal(ErrorIds.MicroVmTimeout, notReady.ErrorId);
        MicroVmException notStopped = await Assert.ThrowsAsync<MicroVmException>(
            () => Engine.WaitStateAsync(machine.Id, VmState.Stopped, TimeSpan.FromMilliseconds(1), Silent, CancellationToken.None));
        Assert.Equal(ErrorIds.MicroVmTimeout, notStopped.ErrorId);
        using CancellationTokenSource source = new(TimeSpan.FromMilliseconds(10));
        await Assert.ThrowsAnyAsync<OperationCanceledException>(() => Engine.WaitStateAsync(machine.Id, VmState.Stopped, Limits.Generous, Silent, source.Token));
        Assert.Equal(VmState.Running, Now(machine).State);
    }

    [QemuFact]
    public async Task Running_VM_is_removed_only_by_force()
    {
        VirtualMachine machine = await Home.CloneAsync("web");

        MicroVmException error = await Assert.ThrowsAsync<MicroVmException>(
            () => Engine.RemoveAsync(machine.Id, force: false, Silent, CancellationToken.None));
        Assert.Equal(ErrorIds.InvalidMicroVmState, error.ErrorId);
        Assert.Equal(VmState.Running, Now(machine).State);

        VirtualMachine last = await Home.RemoveAsync(machine);
        Assert.Equal(machine.Id, last.Id);
        Assert.Null(Engine.FindMachine(machine.Id));
        Assert.Null(Engine.FindMachine("web"));
        await Assert.ThrowsAsync<MicroVmException>(() => Home.RemoveAsync(machine));
    }

    [QemuFact]
    public async Task Name_is_taken_without_regard_to_case()
    {
        await Home.CloneAsync("web");

        MicroVmException created = await Assert.ThrowsAsync<MicroVmException>(
            () => Engine.CreateAsync(QemuHome.Small with { Name = "WEB" }, start: true, Silent, CancellationToken.None));
        Assert.Equal(ErrorIds.MicroVmAlreadyExists, created.ErrorId);
        MicroVmException cloned = await Assert.ThrowsAsync<MicroVmException>(() => Home.CloneAsync("Web"));
        Assert.Equal(ErrorIds.MicroVmAlreadyExists, cloned.ErrorId);
        Assert.Equal(["origin", "web"], Engine.GetMachines().Select(machine => machine.Name).Order());
    }

    [QemuFact]
    public async Task VMs_without_a_disk_and_with_several_vCPUs_boot()
    {
        VirtualMachine machine = await Engine.CreateAsync(QemuHome.Small with { Name = "web", DiskBytes = 0, CpuCount = 2 }, start: true, Silent, CancellationToken.None);
        machine = await Engine.WaitReadyAsync(machine.Id, TimeSpan.FromSeconds(90), Silent, CancellationToken.None);
        await new Guest(machine).AskAsync("echo cp''us: $(nproc)", "cpus: 2");

        await Home.SaveAsync(machine, "diskless");
        VirtualMachine clone = await Home.RestoreAsync(Engine.GetSnapshots().Single(snapshot => snapshot.Name == "diskless"), "clone");
        await new Guest(clone).AskAsync("echo cp''us: $(nproc)", "cpus: 2");
    }

    [QemuFact]
    public async Task Directories_may_have_odd_names()
    {
        string home = Path.Combine(Home.Path, "o,d d=\u00fc'\"");
        MicroVmPaths paths = new(Path.Combine(home, "run"), Path.Combine(home, "data"));
        await QemuHome.LinkImagesAsync(paths);
        MicroVmEngine engine = new(paths);
        try
        {
            VirtualMachine machine = await engine.CreateAsync(QemuHome.Small with { Name = "web" }, start: true, Silent, CancellationToken.None);
            await engine.WaitReadyAsync(machine.Id, TimeSpan.FromSeconds(90), Silent, CancellationToken.None);
            await engine.SaveSnapshotAsync(machine.Id, "first", null, Silent, CancellationToken.None);
            VirtualMachine clone = await engine.RestoreAsync(
                engine.GetSnapshots().Single().SnapshotId, new RestoreOptions { NewName = "clone" }, Silent, CancellationToken.None);
            await new Guest(clone).AskAsync("v=kept; echo s''et", "set");
            VirtualMachine grandchild = await engine.RestoreAsync(
                (await engine.SaveSnapshotAsync(clone.Id, "second", null, Silent, CancellationToken.None)).SnapshotId,
                new RestoreOptions { NewName = "grandchild" },
                Silent,
                CancellationToken.None);
            await new Guest(grandchild).AskAsync("echo \"v\"\" is $v\"", "v is kept");
        }
        finally
        {
            foreach (VirtualMachine machine in engine.GetMachines().ToArray())
            {
                await engine.RemoveAsync(machine.Id, force: true, Silent, CancellationToken.None);
            }
        }
    }

    private static void Signal(VirtualMachine machine, int signal)
    {
        using ProcessDescriptor process = ProcessDescriptor.TryOpen(machine.ProcessId!.Value)!;
        Assert.True(process.Signal(signal));
    }
}
