using System.Diagnostics;
using Microsoft.Win32.SafeHandles;
using MicroVm.Engine.Guest.Fixups;
using MicroVm.Engine.Snapshots;
using MicroVm.Engine.State;
using MicroVm.Engine.Storage;
using MicroVm.Engine.Vmm;

namespace MicroVm.Engine.Machines;

/// <summary>
/// Captures a VM's memory, devices and disk. Memory and disk are copied while the guest runs; while it stands, what it changed meanwhile is brought up to date
/// and the devices are saved.
/// </summary>
internal static class SnapshotCapture
{
    // An agent that runs answers in less than a millisecond, and nobody knows whether this guest has one.
    private static readonly TimeSpan s_agentLimit = TimeSpan.FromMilliseconds(500);

    // The images that say when they are ready have one; it may still be starting then.
    private static readonly TimeSpan s_readyAgentLimit = TimeSpan.FromSeconds(2);

    /// <summary>Captures a VM that has a VMM.</summary>
    /// <param name="context">The engine.</param>
    /// <param name="machine">The VM.</param>
    /// <param name="directory">An empty directory, which gets the files.</param>
    /// <param name="timer">Takes the durations.</param>
    /// <param name="activity">What the user is told is done.</param>
    /// <param name="observer">Hears of progress, and of a guest that could not be put back as it was.</param>
    /// <param name="cancellationToken">Ends it; what is in the directory is then of no use.</param>
    public static async Task<Capture> RunAsync(
        EngineContext context,
        LockedMachine machine,
        string directory,
        PhaseTimer timer,
        string activity,
        IOperationObserver observer,
        CancellationToken cancellationToken)
    {
        await using IVmmConnection connection = await machine.ConnectAsync(cancellationToken);
        MachineRecord before = machine.Record;
        MachineRun run = before.Run!;
        string memoryFile = Path.Combine(directory, SnapshotStore.MemoryFile);
        GuestMemory memory = GuestMemory.Open(run.Process.ProcessId, VmmDescriptors.Memory);
        string machineType = await connection.GetMachineTypeAsync(cancellationToken);
        Report("Memory", 5);
        await memory.CopyBaseAsync(memoryFile, cancellationToken);
        timer.Mark("memory base");
        Failpoint.Reach(Failpoints.SaveMemoryBase);
        string? disk = before.OverlayDisk is { } overlay ? Path.Combine(machine.Directory, overlay) : null;
        string diskFile = Path.Combine(directory, SnapshotStore.DiskFile);
        if (disk is not null)
        {
            Report("Disk", 40);
            await SparseFile.CopyAsync(disk, diskFile, cancellationToken);
            timer.Mark("disk base");
            Failpoint.Reach(Failpoints.SaveDiskBase);
        }

        bool wasRunning = before.State == VmState.Running;
        if (wasRunning)
        {
            // Says also, should nobody get to it here, that the guest is to go on.
            machine.SavePassing(before with { State = VmState.Saving });
        }

        TimeSpan pause = TimeSpan.Zero;
        bool wasReady = false;
        Standstill guest = await StandstillAsync(context, before, run, StandAsync, cancellationToken);
        timer.Mark("thaw");
        if (wasRunning)
        {
            machine.SavePassing(before);
        }

        if (guest.ThawFailure is { } failure)
        {
            observer.Warning($"The workload of VM '{before.Name}' stands still until its guest thaws it by itself, half a minute after the snapshot: {failure.Message}");
        }

        timer.Mark("resume");
        return new Capture(machineType, guest.FrozenFor ?? pause, wasReady, guest);

        void Report(string status, int percent) => observer.Progress(new OperationProgress(activity, status, percent));

        async Task StandAsync()
        {
            timer.Mark("freeze");
            long pausedAt = Stopwatch.GetTimestamp();
            try
            {
                await connection.PauseAsync(cancellationToken);
                Failpoint.Reach(Failpoints.SavePaused);
                Report("Memory changed meanwhile", 50);
                await memory.CopyChangesAsync(memoryFile, cancellationToken);
                timer.Mark("memory");
                Failpoint.Reach(Failpoints.SaveMemory);
                using (SafeFileHandle state = CreateForWriting(Path.Combine(directory, SnapshotStore.DeviceStateFile)))
                {
                    await connection.SaveDeviceStateAsync(state, cancellationToken);
                }

                timer.Mark("devices");
                Failpoint.Reach(Failpoints.SaveDevices);
                if (disk is not null)
                {
                    await CopyUpdate.RunAsync(disk, diskFile, cancellationToken);
                    timer.Mark("disk");
                    Failpoint.Reach(Failpoints.SaveDisk);
                }

                wasReady = MachineLogs.GuestIsReady(context, before, run);
            }
            finally
            {
                // Whatever happened, the guest goes on as it was.
                if (wasRunning)
                {
                    await connection.ResumeAsync(CancellationToken.None);
                    pause = Stopwatch.GetElapsedTime(pausedAt);
                    Failpoint.Reach(Failpoints.SaveResumed);
                }
            }
        }
    }

    /// <summary>Removes what was captured, after something went wrong, and corrects a record that says that it is still being done.</summary>
    /// <param name="context">The engine.</param>
    /// <param name="machine">The VM.</param>
    /// <param name="directory">The directory that has the files.</param>
    /// <param name="id">The identity it was to have.</param>
    /// <param name="observer">Hears of what could not be removed: what went wrong matters more than that.</param>
    public static void Abandon(EngineContext context, LockedMachine machine, string directory, Guid id, IOperationObserver observer)
    {
        try
        {
            context.Snapshots.Discard(directory, id);
        }
        catch (Exception exception) when (exception is IOException or UnauthorizedAccessException)
        {
            observer.Warning($"Left behind: {directory} ({exception.Message})");
        }

        if (machine.Record.State == VmState.Saving)
        {
            // Now that there is room for it again.
            machine.TrySave(machine.Record with { State = VmState.Running }, observer, lasting: false);
        }
    }

    // Does the work while the workload is frozen, where the guest has an agent that can.
    private static async Task<Standstill> StandstillAsync(
        EngineContext context, MachineRecord before, MachineRun run, Func<Task> work, CancellationToken cancellationToken)
    {
        Standstill unasked;
        if (before.State != VmState.Running)
        {
            // One that was restored and left paused is as it was in its snapshot.
            unasked = new Standstill(run.DueFixups?.AgentAnswered, run.DueFixups?.WorkloadFrozen ?? false);
        }
        else if (!before.Hardware.HasAgentPort || (before.Boot.ReadyMarker is not null && !MachineLogs.GuestIsReady(context, before, run)))
        {
            // It still boots.
            unasked = new Standstill(AgentAnswered: false, WorkloadFrozen: false);
        }
        else
        {
            TimeSpan limit = before.Boot.ReadyMarker is null ? s_agentLimit : s_readyAgentLimit;
            return await Standstill.DuringAsync(GuestAccess.Of(context, before, run), FixupPlan.Cgroups, limit, work, cancellationToken);
        }

        await work();
        return unasked;
    }

    private static SafeFileHandle CreateForWriting(string path)
    {
        SafeFileHandle file = File.OpenHandle(path, FileMode.CreateNew, FileAccess.Write, FileShare.ReadWrite);
        File.SetUnixFileMode(file, UnixFileMode.UserRead | UnixFileMode.UserWrite);
        return file;
    }

    /// <summary>What was found while the guest stood still.</summary>
    /// <param name="MachineType">The exact machine type.</param>
    /// <param name="Pause">How long it stood.</param>
    /// <param name="GuestWasReady">Whether it was past its ready marker.</param>
    /// <param name="Guest">Its agent and its workload.</param>
    internal sealed record Capture(string MachineType, TimeSpan Pause, bool GuestWasReady, Standstill Guest);
}
