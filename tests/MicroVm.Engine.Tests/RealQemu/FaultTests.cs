using System.Diagnostics;
using MicroVm.Engine.Errors;
using MicroVm.Engine.Machines;
using MicroVm.Engine.Native;
using MicroVm.Engine.Snapshots;
using MicroVm.Engine.Tests.Support;

namespace MicroVm.Engine.Tests.RealQemu;

public sealed class FaultTests(QemuHome home) : QemuTests(home)
{
    private const int Stop = 19;
    private const int Continue = 18;

    [QemuFact]
    public async Task Hung_VMM_blocks_no_listing_and_fails_commands_in_time_and_goes_on_unharmed()
    {
        VirtualMachine machine = await Home.CloneAsync("web");
        Guest guest = new(machine);
        await guest.StartCountingAsync();
        using ProcessDescriptor process = ProcessDescriptor.TryOpen(machine.ProcessId!.Value)!;
        process.Signal(Stop);

        // None of these asks the VMM.
        Assert.Equal(2, Engine.GetMachines().Count());
        Assert.Equal(VmState.Running, Now(machine).State);
        MicroVmException error = await Assert.ThrowsAsync<MicroVmException>(
            () => Engine.SuspendAsync(machine.Id, Silent, CancellationToken.None).Within("the suspension to give up"));
        Assert.Equal(ErrorIds.MicroVmTimeout, error.ErrorId);

        process.Signal(Continue);
        await guest.NextTickAsync();
        Assert.Equal(VmState.Running, Now(machine).State);
        await Engine.SuspendAsync(machine.Id, Silent, CancellationToken.None);
        Guest.AssertContinuous(guest.Ticks);
    }

    [QemuFact]
    public async Task Hung_VMM_can_be_turned_off()
    {
        VirtualMachine machine = await Home.CloneAsync("web");
        using ProcessDescriptor process = ProcessDescriptor.TryOpen(machine.ProcessId!.Value)!;
        process.Signal(Stop);

        VirtualMachine stopped = await Home.StopAsync(machine, StopMode.TurnOff).Within("the VMM to be killed");

        Assert.Equal(VmState.Stopped, stopped.State);
        Assert.Equal("signal SIGKILL", stopped.LastExit);
    }

    [QemuFact]
    public async Task VM_of_a_process_that_was_killed_is_adopted()
    {
        using Process other = OtherEngine.Start("create", Home.Path, "web");
        Guid id;
        try
        {
            id = Guid.Parse((await other.StandardOutput.ReadLineAsync().Within("the other process to make a VM"))!);
        }
        finally
        {
            other.Kill();
            await other.WaitForExitAsync().Within("the other process to end");
        }

        VirtualMachine machine = Engine.FindMachine("web")!;
        Assert.Equal(id, machine.Id);
        Assert.Equal(VmState.Running, machine.State);
        machine = await Engine.WaitReadyAsync(id, TimeSpan.FromSeconds(90), Silent, CancellationToken.None);
        await new Guest(machine).AskAsync("v=adopted; echo s''et", "set");
        Snapshot snapshot = await Home.SaveAsync(machine, "adopted");
        VirtualMachine stopped = await Home.StopAsync(machine, StopMode.Graceful);
        Assert.Equal(VmState.Stopped, stopped.State);

        VirtualMachine restored = await Home.RestoreAsync(snapshot, null);
        await new Guest(restored).AskAsync("echo \"v\"\" is $v\"", "v is adopted");
    }

    [QemuFact]
    public async Task VMM_of_a_process_that_was_killed_while_it_started_it_is_ended_by_the_next_one()
    {
        using Process other = OtherEngine.Start("orphan", Home.Path, "web");
        try
        {
            Assert.NotNull(await other.StandardOutput.ReadLineAsync().Within("the other process to start a VMM"));
            VirtualMachine seen = Engine.FindMachine("web")!;
            Assert.Equal(VmState.Starting, seen.State);
            MicroVmException busy = await Assert.ThrowsAsync<MicroVmException>(() => Home.StopAsync(seen, StopMode.Graceful));
            Assert.Equal(ErrorIds.MicroVmBusy, busy.ErrorId);
            Assert.Contains($"process {other.Id} (New-MicroVm)", busy.Message, StringComparison.Ordinal);
        }
        finally
        {
            other.Kill();
            await other.WaitForExitAsync().Within("the other process to end");
        }

        VirtualMachine left = Engine.FindMachine("web")!;
        Assert.Equal(VmState.Failed, left.State);
        MicroVmException unfinished = await Assert.ThrowsAsync<MicroVmException>(() => Engine.StartAsync(left.Id, Silent, CancellationToken.None));
        Assert.Equal(ErrorIds.InvalidMicroVmState, unfinished.ErrorId);
        VirtualMachine another = await Engine.CreateAsync(QemuHome.Small with { Name = "web" }, start: true, Silent, CancellationToken.None);
        Assert.Equal(VmState.Running, another.State);
        Assert.NotEqual(left.Id, another.Id);
        Assert.Single(Home.Inventory(), item => item.StartsWith("process", StringComparison.Ordinal));
    }

    [QemuFact]
    public async Task Of_two_engines_on_one_VM_the_second_is_told_who_is_at_work()
    {
        VirtualMachine machine = await Home.CloneAsync("web");
        MicroVmEngine second = new(Home.Paths);
        Task? refused = null;
        RecordingObserver observer = new()
        {
            Heard = text =>
            {
                if (text == "Memory changed meanwhile")
                {
                    refused = second.StopAsync(machine.Id, StopMode.TurnOff, TimeSpan.Zero, Silent, CancellationToken.None);
                    Assert.Equal(VmState.Saving, second.FindMachine(machine.Id)!.State);
                }
            },
        };

        await Engine.SaveSnapshotAsync(machine.Id, "mine", null, observer, CancellationToken.None);

        MicroVmException error = await Assert.ThrowsAsync<MicroVmException>(() => refused!);
        Assert.Equal(ErrorIds.MicroVmBusy, error.ErrorId);
        Assert.Contains($"process {Environment.ProcessId} (Save-MicroVmSnapshot)", error.Message, StringComparison.Ordinal);
        Assert.Equal(VmState.Running, Now(machine).State);
    }

    [QemuFact]
    public async Task Damaged_record_fails_its_VM_alone_and_that_VM_can_be_discarded()
    {
        VirtualMachine machine = await Home.CloneAsync("web");
        VirtualMachine other = await Home.CloneAsync("other");
        string record = Path.Combine(Home.Context.Machines.DirectoryOf(machine.Id), "vm.json");
        byte[] whole = File.ReadAllBytes(record);
        File.WriteAllBytes(record, whole[..(whole.Length / 2)]);

        VirtualMachine damaged = Engine.GetMachines().Single(one => one.Id == machine.Id);
        Assert.Equal(VmState.Failed, damaged.State);
        Assert.Equal("web", damaged.Name);
        Assert.Contains("is damaged", damaged.StatusDetail, StringComparison.Ordinal);
        Assert.Equal(["origin", "other", "web"], Engine.GetMachines().Select(one => one.Name).Order());
        Assert.Equal(VmState.Running, Now(other).State);
        MicroVmException error = await Assert.ThrowsAsync<MicroVmException>(() => Engine.RemoveAsync(machine.Id, force: false, Silent, CancellationToken.None));
        Assert.Equal(ErrorIds.StateCorrupt, error.ErrorId);

        // The record would say which process is its VMM; its run directory does, too.
        Assert.Equal("web", (await Home.RemoveAsync(machine)).Name);
        Assert.Null(Engine.FindMachine("web"));
        Assert.DoesNotContain(Home.Inventory(), item => item.Contains(machine.Id.ToString(), StringComparison.Ordinal));
        Assert.Equal(VmState.Running, Now(other).State);
    }

    [QemuFact]
    public async Task VM_with_a_damaged_record_is_kept_while_something_that_is_not_known_uses_its_disk()
    {
        VirtualMachine machine = await Home.CloneAsync("web");
        string directory = Home.Context.Machines.DirectoryOf(machine.Id);
        string run = Home.Context.Machines.Read(machine.Id)!.Run!.RunDirectory;
        byte[] whole = File.ReadAllBytes(Path.Combine(directory, "vm.json"));
        File.WriteAllText(Path.Combine(directory, "vm.json"), "{");
        string owner = new FileInfo(Path.Combine(run, "owner")).LinkTarget!;
        File.Delete(Path.Combine(run, "owner"));

        MicroVmException error = await Assert.ThrowsAsync<MicroVmException>(() => Home.RemoveAsync(machine));

        Assert.Equal(ErrorIds.MicroVmBusy, error.ErrorId);
        File.CreateSymbolicLink(Path.Combine(run, "owner"), owner);
        File.WriteAllBytes(Path.Combine(directory, "vm.json"), whole);
        Assert.Equal(VmState.Running, Now(machine).State);
    }

    [QemuFact]
    public async Task Bad_specifications_are_refused_before_anything_is_made()
    {
        IReadOnlyList<string> before = Home.Inventory();
        (VirtualMachineSpec Spec, string Id)[] bad =
        [
            (QemuHome.Small with { Name = "../x" }, ErrorIds.InvalidMicroVmSpec),
            (QemuHome.Small with { CpuCount = 0 }, ErrorIds.InvalidMicroVmSpec),
            (QemuHome.Small with { MemoryBytes = 64L << 20 }, ErrorIds.InvalidMicroVmSpec),
            (QemuHome.Small with { DiskBytes = 1 }, ErrorIds.InvalidMicroVmSpec),
            (QemuHome.Small with { Image = "nowhere" }, ErrorIds.ImageNotFound),
            (QemuHome.Small with { Image = "../../etc" }, ErrorIds.InvalidMicroVmSpec),
            (QemuHome.Small with { KernelPath = "/nowhere/kernel" }, ErrorIds.FileNotFound),
            (QemuHome.Small with { KernelPath = Home.Origin.KernelPath, InitramfsPath = "/nowhere/initramfs" }, ErrorIds.FileNotFound),
            (QemuHome.Small with { KernelPath = Home.Origin.KernelPath, RootDiskPath = "/nowhere/disk" }, ErrorIds.FileNotFound),
            (QemuHome.Small with { KernelPath = Home.Origin.KernelPath, Image = "base" }, ErrorIds.InvalidMicroVmSpec),
        ];
        foreach ((VirtualMachineSpec spec, string id) in bad)
        {
            MicroVmException error = await Assert.ThrowsAsync<MicroVmException>(() => Engine.CreateAsync(spec, start: true, Silent, CancellationToken.None));
            Assert.Equal(id, error.ErrorId);
        }

        Assert.Equal(before, Home.Inventory());
    }

    [QemuFact]
    public async Task File_that_is_no_kernel_makes_a_VM_that_says_so()
    {
        string kernel = Path.Combine(Home.Path, "no-kernel");
        File.WriteAllText(kernel, "This is no kernel.");

        MicroVmException error = await Assert.ThrowsAsync<MicroVmException>(
            () => Engine.CreateAsync(QemuHome.Small with { Name = "web", KernelPath = kernel }, start: true, Silent, CancellationToken.None));

        Assert.Equal(ErrorIds.HypervisorExited, error.ErrorId);
        Assert.Null(Engine.FindMachine("web"));
    }

    [QemuFact]
    public async Task Cancelling_a_creation_in_any_phase_leaves_nothing()
    {
        IReadOnlyList<string> before = Home.Inventory();
        await CancelInEveryPhaseAsync(
            (observer, token) => Engine.CreateAsync(QemuHome.Small with { Name = "web" }, start: true, observer, token),
            () =>
            {
                Assert.Equal(before, Home.Inventory());
                return Task.CompletedTask;
            },
            () => Home.RemoveAsync(Engine.FindMachine("web")!));
    }

    [QemuFact]
    public async Task Cancelling_a_clone_in_any_phase_leaves_nothing()
    {
        IReadOnlyList<string> before = Home.Inventory();
        await CancelInEveryPhaseAsync(
            (observer, token) => Engine.RestoreAsync(Home.Golden.SnapshotId, new RestoreOptions { NewName = "web" }, observer, token),
            () =>
            {
                Assert.Equal(before, Home.Inventory());
                return Task.CompletedTask;
            },
            () => Home.RemoveAsync(Engine.FindMachine("web")!));
    }

    [QemuFact]
    public async Task Cancelling_a_restore_in_place_in_any_phase_leaves_the_VM_as_it_was()
    {
        VirtualMachine machine = await Home.CloneAsync("web");
        Guest guest = new(machine);
        await guest.StartCountingAsync();
        Snapshot snapshot = await Home.SaveAsync(machine, "before");
        IReadOnlyList<string> before = [];
        string[] files = [];
        int said = 0;
        Remember();
        await CancelInEveryPhaseAsync(
            (observer, token) => Engine.RestoreAsync(snapshot.SnapshotId, new RestoreOptions(), observer, token),
            async () =>
            {
                Assert.Equal(before, Home.Inventory());
                Assert.Equal(files, Files());
                Assert.Equal(machine.ProcessId, Now(machine).ProcessId);
                Assert.Equal(VmState.Running, Now(machine).State);
                await guest.NextTickAsync();
                Guest.AssertContinuous(Guest.TicksIn("\n" + guest.Text[said..]));
            },
            () =>
            {
                Remember();
                return Task.CompletedTask;
            });

        // A restore that was not cancelled in time has put another process in its place.
        void Remember()
        {
            machine = Now(machine);
            guest = new Guest(machine);
            said = guest.Text.Length;
            before = Home.Inventory();
            files = Files();
        }

        // How the VMM that was not to be has ended may be noted.
        string[] Files() => [.. Directory.GetFiles(Home.Context.Machines.DirectoryOf(machine.Id)).Where(file => !file.EndsWith("/exit.json", StringComparison.Ordinal)).Order()];
    }

    [QemuFact]
    public async Task Cancelling_a_save_in_any_phase_leaves_the_VM_as_it_was()
    {
        VirtualMachine machine = await Home.CloneAsync("web");
        Guest guest = new(machine);
        await guest.StartCountingAsync();
        IReadOnlyList<string> before = Home.Inventory();
        await CancelInEveryPhaseAsync(
            (observer, token) => Engine.SaveSnapshotAsync(machine.Id, "cancelled", null, observer, token),
            async () =>
            {
                Assert.Equal(before, Home.Inventory());
                Assert.Equal(VmState.Running, Now(machine).State);
                await guest.NextTickAsync();
                Guest.AssertContinuous(guest.Ticks);
            },
            () => Engine.RemoveSnapshotAsync(Engine.GetSnapshots().Single(snapshot => snapshot.Name == "cancelled").SnapshotId, force: false, CancellationToken.None));
    }

    [QemuFact]
    public async Task Cycles_of_clone_save_and_remove_leave_no_descriptor_open()
    {
        await CycleAsync();
        await CycleAsync();
        int before = CountOfDescriptors();
        for (int i = 0; i < 20; i++)
        {
            await CycleAsync();
        }

        // Other tests run beside this one; a leak of one per cycle would show all the same.
        Assert.InRange(CountOfDescriptors(), 0, before + 15);

        async Task CycleAsync()
        {
            VirtualMachine machine = await Home.CloneAsync("web");
            Snapshot snapshot = await Home.SaveAsync(machine, "cycle");
            await Engine.RemoveSnapshotAsync(snapshot.SnapshotId, force: true, CancellationToken.None);
            await Home.RemoveAsync(machine);
        }
    }

    [QemuFact]
    public async Task Restore_of_a_snapshot_whose_kernel_was_replaced_works_or_is_refused()
    {
        string kernel = Path.Combine(Home.Path, "kernel");
        File.Copy(Home.Origin.KernelPath!, kernel);
        VirtualMachine machine = await Engine.CreateAsync(
            QemuHome.Small with { Name = "web", KernelPath = kernel, InitramfsPath = Path.Combine(Path.GetDirectoryName(Home.Origin.KernelPath)!, "initramfs") },
            start: true,
            Silent,
            CancellationToken.None);
        Snapshot snapshot = await Home.SaveAsync(machine, "before");
        using (FileStream stream = new(kernel, FileMode.Open))
        {
            stream.SetLength(stream.Length + (1 << 20));
        }

        try
        {
            Assert.Equal(VmState.Running, (await Home.RestoreAsync(snapshot, "clone")).State);
        }
        catch (MicroVmException exception)
        {
            Assert.Contains(exception.ErrorId, (string[])[ErrorIds.SnapshotIncompatible, ErrorIds.HypervisorExited]);
        }
    }

    // Cancelled when the operation tells of its first phase, then of its second and so on, until it is through before that; and at moments between them.
    private static async Task CancelInEveryPhaseAsync(Func<IOperationObserver, CancellationToken, Task> operation, Func<Task> check, Func<Task> undo)
    {
        int cancelled = 0;
        int heard = int.MaxValue;
        for (int phase = 0; phase < heard; phase++)
        {
            using CancellationTokenSource source = new();
            heard = 0;
            await AttemptAsync(new RecordingObserver
            {
                Heard = _ =>
                {
                    if (heard++ == phase)
                    {
                        source.Cancel();
                    }
                },
            }, source.Token);
            // Told of no such phase: there is none.
            heard = heard > phase ? int.MaxValue : 0;
        }

        Assert.True(cancelled > 1);
        for (int milliseconds = 3; milliseconds < 250; milliseconds = milliseconds * 3 / 2)
        {
            using CancellationTokenSource source = new(milliseconds);
            await AttemptAsync(Silent, source.Token);
        }

        async Task AttemptAsync(IOperationObserver observer, CancellationToken token)
        {
            try
            {
                await operation(observer, token);
                await undo();
            }
            catch (OperationCanceledException)
            {
                cancelled++;
                await check();
            }
        }
    }

    private static int CountOfDescriptors() => Directory.GetFileSystemEntries("/proc/self/fd").Length;
}
