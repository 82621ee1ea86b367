using Microsoft.Win32.SafeHandles;
using MicroVm.Engine.Isolation;
using MicroVm.Engine.Native;
using MicroVm.Engine.Snapshots;
using MicroVm.Engine.State;
using MicroVm.Engine.Storage;
using MicroVm.Engine.Vmm;

namespace MicroVm.Engine.Machines;

/// <summary>Starts the VMM of a VM and connects to it.</summary>
internal static class MachineLauncher
{
    private const string MemoryName = "microvm-ram";

    /// <summary>A VMM that answers.</summary>
    /// <param name="Run">What is to be recorded of it.</param>
    /// <param name="Connection">The conversation with it.</param>
    internal sealed record Launched(MachineRun Run, IVmmConnection Connection);

    /// <summary>Starts a VMM that boots, with memory that is the guest's own.</summary>
    /// <param name="context">The engine.</param>
    /// <param name="machine">The VM.</param>
    /// <param name="links">The host's ends of its network interfaces, which stay the caller's.</param>
    /// <param name="undo">Takes what has to be undone.</param>
    /// <param name="observer">Hears of warnings.</param>
    /// <param name="cancellationToken">Ends the wait.</param>
    public static Task<Launched> BootAsync(
        EngineContext context,
        LockedMachine machine,
        MachineLinks links,
        UndoStack undo,
        IOperationObserver observer,
        CancellationToken cancellationToken)
    {
        MachineRecord record = machine.Record;
        AcceleratorKind accelerator = Kvm.Choose(record.Hardware.Accelerator, observer);
        SafeFileHandle memory = Descriptors.CreateMemoryFile(MemoryName, record.Hardware.MemoryBytes);
        return LaunchAsync(context, machine, record, memory, accelerator, links, links.Interfaces, restoreMachineType: null, guestIsReady: false, undo, cancellationToken);
    }

    /// <summary>Starts a VMM that waits for a snapshot's device state, over the snapshot's memory mapped privately.</summary>
    /// <param name="context">The engine.</param>
    /// <param name="machine">The VM as it is.</param>
    /// <param name="record">What the VM becomes.</param>
    /// <param name="memoryPath">The snapshot's memory.</param>
    /// <param name="host">What the snapshot needs.</param>
    /// <param name="links">The host's ends of its network interfaces, of the kinds the snapshot's guest had; they stay the caller's.</param>
    /// <param name="former">What the guest takes its interfaces for.</param>
    /// <param name="guestIsReady">Whether the guest was past its ready marker.</param>
    /// <param name="undo">Takes what has to be undone.</param>
    /// <param name="cancellationToken">Ends the wait.</param>
    public static Task<Launched> AwaitStateAsync(
        EngineContext context,
        LockedMachine machine,
        MachineRecord record,
        string memoryPath,
        SnapshotHost host,
        MachineLinks links,
        IReadOnlyList<MachineInterface> former,
        bool guestIsReady,
        UndoStack undo,
        CancellationToken cancellationToken)
    {
        SafeFileHandle memory = File.OpenHandle(memoryPath, FileMode.Open, FileAccess.ReadWrite, FileShare.ReadWrite | FileShare.Delete);
        return LaunchAsync(
            context, machine, record, memory, host.Accelerator, links, links.InterfacesFor(former), host.MachineType, guestIsReady, undo, cancellationToken);
    }

    // Closes the memory's file: the VMM has it by then, or never will.
    private static async Task<Launched> LaunchAsync(
        EngineContext context,
        LockedMachine machine,
        MachineRecord record,
        SafeFileHandle memoryFile,
        AcceleratorKind accelerator,
        MachineLinks links,
        IReadOnlyList<VmmInterface> interfaces,
        string? restoreMachineType,
        bool guestIsReady,
        UndoStack undo,
        CancellationToken cancellationToken)
    {
        using SafeFileHandle memory = memoryFile;
        IVmmDriver driver = context.DriverOf(record.Hardware.Hypervisor);
        string runDirectory = context.Runs.Make(record.Id);
        undo.Push($"directory {runDirectory}", () => { _ = MachineStore.DeleteDirectory(runDirectory); });
        Failpoint.Reach(Failpoints.LaunchPlaced);
        using Launcher launcher = new(RunDirectories.ScratchIn(runDirectory));
        string serialLog = context.Machines.SerialLogOf(record.Id);
        string vmmLog = context.Machines.VmmLogOf(record.Id);
        Touch(serialLog);
        Touch(vmmLog);
        MachineLogs.TryCut(context, machine.Record);
        long serialLogOffset = new FileInfo(serialLog).Length;
        long vmmLogOffset = new FileInfo(vmmLog).Length;
        VmmMachine description = new()
        {
            Id = record.Id,
            Name = record.Name,
            Program = driver.FindProgram(record.Hardware.HypervisorPath),
            Accelerator = accelerator,
            CpuCount = record.Hardware.CpuCount,
            MemoryBytes = record.Hardware.MemoryBytes,
            Memory = memory,
            MemoryIsShared = restoreMachineType is null,
            KernelPath = record.Boot.KernelPath,
            InitramfsPath = record.Boot.InitramfsPath,
            // What the user adds to the line comes last, and so wins.
            KernelCommandLine = string.Join(' ', [
                .. accelerator == AcceleratorKind.Tcg ? GuestContract.EmulationArguments : [],
                .. KernelLine.Network(record.Hardware.Interfaces),
                .. record.Boot.KernelArguments,
            ]),
            Disks = DisksOf(context, record),
            Interfaces = interfaces,
            HotPlugPorts = record.Hardware.HotPlugPorts,
            RunDirectory = runDirectory,
            SerialLogPath = serialLog,
            VmmLogPath = vmmLog,
            AgentPort = record.Hardware.HasAgentPort ? GuestContract.AgentPort : null,
            RestoreMachineType = restoreMachineType,
        };
        // On record before it starts: if this process is killed in between, the next one finds the VMM by its socket and ends it.
        machine.SavePassing(machine.Record with { State = restoreMachineType is null ? VmState.Starting : VmState.Restoring, PendingRunDirectory = runDirectory });
        Failpoint.Reach(Failpoints.LaunchPending);
        ProcessIdentity process;
        DateTimeOffset startedAt = DateTimeOffset.Now;
        using (VmmCommand command = driver.Prepare(description))
        {
            process = launcher.Start(
                command.Program,
                command.Arguments,
                command.Descriptors,
                (ended, exit) => ExitNotes.Write(context, record.Id, ended, exit, serialLogOffset, vmmLogOffset));
            undo.Push($"process {process.ProcessId}", () => VmmProcess.KillAsync(process));
        }

        Failpoint.Reach(Failpoints.LaunchWatched);
        MachineRun run = new()
        {
            RunDirectory = runDirectory,
            Process = process,
            HypervisorVersion = "",
            Accelerator = accelerator,
            StartedAt = startedAt,
            SerialLogOffset = serialLogOffset,
            VmmLogOffset = vmmLogOffset,
            ReadyAtStart = guestIsReady,
            Links = links.Names,
        };
        try
        {
            IVmmConnection connection = await ConnectAsync(driver, runDirectory, interfaces, cancellationToken);
            return new Launched(run with { HypervisorVersion = connection.Version }, connection);
        }
        catch (VmmConnectionException exception)
        {
            throw VmmFailure.Ended(context, record, run, exception);
        }
    }

    /// <summary>Sets down the interfaces that shall be down. Loaded device state makes the guest take them for up again, so once more after that.</summary>
    public static async Task SetLinksAsync(IVmmConnection connection, IReadOnlyList<VmmInterface> interfaces, CancellationToken cancellationToken)
    {
        for (int i = 0; i < interfaces.Count; i++)
        {
            if (!interfaces[i].LinkUp)
            {
                await connection.SetLinkAsync(interfaces[i].Port ?? i, up: false, cancellationToken);
            }
        }
    }

    private static async Task<IVmmConnection> ConnectAsync(
        IVmmDriver driver, string runDirectory, IReadOnlyList<VmmInterface> interfaces, CancellationToken cancellationToken)
    {
        IVmmConnection connection = await driver.ConnectAsync(runDirectory, cancellationToken);
        try
        {
            await SetLinksAsync(connection, interfaces, cancellationToken);
            return connection;
        }
        catch
        {
            await connection.DisposeAsync();
            throw;
        }
    }

    // There from the beginning: so its length says where the run begins, and it can be watched.
    private static void Touch(string log)
    {
        using FileStream stream = new(log, FileMode.Append, FileAccess.Write, FileShare.ReadWrite);
    }

    private static List<VmmDisk> DisksOf(EngineContext context, MachineRecord record)
    {
        List<VmmDisk> disks = [];
        if (record.OverlayDisk is { } overlay)
        {
            disks.Add(new VmmDisk(Path.Combine(context.Machines.DirectoryOf(record.Id), overlay), GuestContract.OverlaySerial, ReadOnly: false));
        }

        if (record.Boot.RootDiskPath is { } root)
        {
            disks.Add(new VmmDisk(root, GuestContract.RootSerial, ReadOnly: true));
        }

        // Last, so that the others are called the same with it and without.
        if (record.Boot.HasConfigurationDisk)
        {
            string configuration = Path.Combine(context.Machines.DirectoryOf(record.Id), BootSource.ConfigurationFile);
            disks.Add(new VmmDisk(configuration, GuestContract.ConfigurationSerial, ReadOnly: true));
        }

        return disks;
    }
}
