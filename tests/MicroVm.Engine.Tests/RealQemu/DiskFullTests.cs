using MicroVm.Engine.Errors;
using MicroVm.Engine.Machines;
using MicroVm.Engine.Native;
using MicroVm.Engine.Snapshots;
using MicroVm.Engine.State;
using MicroVm.Engine.Tests.Faults;
using MicroVm.Engine.Tests.Support;

namespace MicroVm.Engine.Tests.RealQemu;

/// <summary>What happens when the data directory is full: it is a small tmpfs here.</summary>
public sealed class DiskFullTests : IAsyncLifetime
{
    private readonly Scratch _scratch = new();
    private MicroVmEngine _engine = null!;

    private string Data => _scratch.Paths.DataDirectory;

    public async Task InitializeAsync()
    {
        if (Host.WhyNoQemu is not null || Host.WhyNotRoot is not null)
        {
            return;
        }

        MachineStore.MakeDirectory(Data);
        Mount("mount", "-t", "tmpfs", "-o", "size=24m,mode=0700", "tmpfs", Data);
        await QemuHome.LinkImagesAsync(_scratch.Paths);
        _engine = new MicroVmEngine(_scratch.Paths);
    }

    public async Task DisposeAsync()
    {
        if (_engine is not null)
        {
            try
            {
                File.Delete(Filler);
                foreach (VirtualMachine machine in _engine.GetMachines().ToArray())
                {
                    await _engine.RemoveAsync(machine.Id, force: true, NullObserver.Instance, CancellationToken.None);
                }

                Assert.Empty(QemuHome.Inventory(_scratch.Path));
            }
            finally
            {
                Mount("umount", Data);
            }
        }

        _scratch.Dispose();
    }

    private string Filler => Path.Combine(Data, "filler");

    [QemuRootFact]
    public async Task Save_on_a_full_disk_fails_and_leaves_the_VM_as_it_was()
    {
        VirtualMachine machine = await CreateAsync();
        machine = await _engine.WaitReadyAsync(machine.Id, TimeSpan.FromSeconds(90), NullObserver.Instance, CancellationToken.None);
        Guest guest = new(machine);
        await guest.StartCountingAsync();

        MicroVmException error = await Assert.ThrowsAsync<MicroVmException>(
            () => _engine.SaveSnapshotAsync(machine.Id, "big", null, NullObserver.Instance, CancellationToken.None));

        Assert.Equal(ErrorIds.DiskFull, error.ErrorId);
        Assert.Equal(VmState.Running, _engine.FindMachine(machine.Id)!.State);
        Assert.Empty(_engine.GetSnapshots());
        Assert.Empty(Directory.GetFileSystemEntries(_scratch.Paths.SnapshotsDirectory));
        await guest.NextTickAsync();
        Guest.AssertContinuous(guest.Ticks);
    }

    [QemuRootFact]
    public async Task VM_on_a_full_disk_can_be_stopped_and_removed()
    {
        VirtualMachine machine = await CreateAsync();
        Fill();

        MicroVmException error = await Assert.ThrowsAsync<MicroVmException>(() => _engine.SuspendAsync(machine.Id, NullObserver.Instance, CancellationToken.None));
        Assert.Equal(ErrorIds.DiskFull, error.ErrorId);
        Assert.Equal(VmState.Running, _engine.FindMachine(machine.Id)!.State);
        RecordingObserver observer = new();
        VirtualMachine stopped = await _engine.StopAsync(machine.Id, StopMode.TurnOff, TimeSpan.Zero, observer, CancellationToken.None);
        Assert.Null(stopped.ProcessId);
        Assert.Contains(observer.Warnings, warning => warning.Contains("could not be recorded", StringComparison.Ordinal));
        Assert.Null(_engine.FindMachine(machine.Id)!.ProcessId);
        await _engine.RemoveAsync(machine.Id, force: true, NullObserver.Instance, CancellationToken.None);

        Assert.Empty(_engine.GetMachines());
    }

    [QemuRootFact]
    public async Task Creation_on_a_full_disk_fails_and_leaves_nothing()
    {
        Fill();

        MicroVmException error = await Assert.ThrowsAsync<MicroVmException>(CreateAsync);

        Assert.Equal(ErrorIds.DiskFull, error.ErrorId);
        Assert.Empty(QemuHome.Inventory(_scratch.Path));
    }

    [QemuRootFact]
    public async Task Start_and_restore_on_a_full_disk_fail_and_leave_the_VM_as_it_was()
    {
        HaltingKernel.Write(FaultVerbs.KernelIn(_scratch.Path));
        VirtualMachine machine = await _engine.CreateAsync(FaultVerbs.SpecWithoutNetwork(_scratch.Path), start: true, NullObserver.Instance, CancellationToken.None);
        machine = await _engine.SuspendAsync(machine.Id, NullObserver.Instance, CancellationToken.None);
        Snapshot snapshot = await _engine.SaveSnapshotAsync(machine.Id, "before", null, NullObserver.Instance, CancellationToken.None);
        VirtualMachine stopped = await _engine.CreateAsync(
            FaultVerbs.SpecWithoutNetwork(_scratch.Path) with { Name = "stopped" }, start: false, NullObserver.Instance, CancellationToken.None);
        Fill();

        await FailsAsync(() => _engine.RestoreAsync(snapshot.SnapshotId, new RestoreOptions(), NullObserver.Instance, CancellationToken.None));
        Assert.Equal(machine.ProcessId, _engine.FindMachine(machine.Id)!.ProcessId);
        Assert.Equal(VmState.Paused, _engine.FindMachine(machine.Id)!.State);
        await FailsAsync(() => _engine.RestoreAsync(snapshot.SnapshotId, new RestoreOptions { NewName = "clone" }, NullObserver.Instance, CancellationToken.None));
        Assert.Null(_engine.FindMachine("clone"));
        await FailsAsync(() => _engine.StartAsync(stopped.Id, NullObserver.Instance, CancellationToken.None));
        Assert.Equal(VmState.Stopped, _engine.FindMachine(stopped.Id)!.State);
        Assert.Empty(_engine.FindRepairs());

        // Without a byte free they can be removed all the same.
        await _engine.RemoveAsync(stopped.Id, force: false, NullObserver.Instance, CancellationToken.None);
        Fill();
        await _engine.RemoveAsync(machine.Id, force: true, NullObserver.Instance, CancellationToken.None);
        await _engine.RemoveSnapshotAsync(snapshot.SnapshotId, force: true, CancellationToken.None);
        Assert.Empty(_engine.FindRepairs());

        async Task FailsAsync(Func<Task> operation)
        {
            MicroVmException error = await Assert.ThrowsAsync<MicroVmException>(operation);
            Assert.Equal(ErrorIds.DiskFull, error.ErrorId);
            Fill();
        }
    }

    private Task<VirtualMachine> CreateAsync() =>
        _engine.CreateAsync(QemuHome.Small with { Name = "web" }, start: true, NullObserver.Instance, CancellationToken.None);

    private void Fill()
    {
        byte[] block = new byte[4096];
        using FileStream stream = new(Filler, FileMode.Append, FileAccess.Write, FileShare.None, bufferSize: 0);
        try
        {
            while (true)
            {
                stream.Write(block);
            }
        }
        catch (IOException)
        {
            // Full.
        }
    }

    private static void Mount(params string[] command)
    {
        using TestProcess process = TestProcess.Start("/dev/null", command);
        process.WaitForEnd();
        Assert.Equal(new ProcessExit(0, null), process.Reap());
    }
}
