using MicroVm.Engine.Errors;
using MicroVm.Engine.Guest;
using MicroVm.Engine.Isolation;
using MicroVm.Engine.Native;
using MicroVm.Engine.State;

namespace MicroVm.Engine.Machines;

/// <summary>Makes what a user sees of a VM, from its record and the process table; no VMM is asked, so none can block it.</summary>
internal static class MachineView
{
    private const int LastWords = 3;

    // With panic=-1 a panic reboots, and a reboot ends the VMM as a power-off does: only the console tells them apart.
    private const string KernelPanic = "Kernel panic - not syncing";

    private static readonly TimeSpan s_lastThreadsLimit = TimeSpan.FromSeconds(1);

    /// <summary>The VM of that id as it is now, or null; a damaged record gives a Failed VM, one that is being made a Starting one.</summary>
    public static VirtualMachine? Find(EngineContext context, Guid id)
    {
        try
        {
            return context.Machines.Read(id) is { } record ? Of(context, record)
                : MachineLock.IsHeld(context.Machines.DirectoryOf(id)) ? OfUnfinished(context, id)
                : null;
        }
        catch (MicroVmException exception) when (exception.ErrorId == ErrorIds.StateCorrupt)
        {
            return OfDamaged(context, id, exception);
        }
    }

    /// <summary>What is left to show of a VM whose making was ended.</summary>
    public static VirtualMachine OfEnded(VirtualMachine unfinished) => unfinished with { State = VmState.Stopped, StatusDetail = "It was still being made; that was ended." };

    /// <summary>The VM as it is now.</summary>
    public static VirtualMachine Of(EngineContext context, MachineRecord record)
    {
        MachineRun? run = record.Run;
        (VmState State, string? Detail, string? Exit) status = (record.State, record.StatusDetail, record.LastExit);
        if (run is not null && !run.Process.IsAlive)
        {
            status = Ended(context, record, run);
            run = null;
        }
        else if (record.IsBeingMade && !MachineLock.IsHeld(context.Machines.DirectoryOf(record.Id)))
        {
            status = (VmState.Failed, UnfinishedMachine.Detail, null);
        }
        else if ((IsPassing(record.State) || (run is not null && RunDirectories.IsChanging(run.RunDirectory))) && !MachineLock.IsHeld(context.Machines.DirectoryOf(record.Id)))
        {
            status = run is null
                ? (VmState.Stopped, "An operation was interrupted.", record.LastExit)
                : (VmState.Unknown, $"An operation was interrupted while {record.State}; Resume-MicroVm or Stop-MicroVm -TurnOff puts it right.", record.LastExit);
        }

        IReadOnlyList<NetworkInterface> interfaces = InterfaceView.Of(context, record, run);
        return new VirtualMachine
        {
            Name = record.Name,
            Id = record.Id,
            Description = record.Description,
            Tags = record.Tags,
            State = status.State,
            StatusDetail = status.Detail,
            IsEphemeral = record.OwnerProcess is not null,
            Hypervisor = record.Hardware.Hypervisor,
            HypervisorPath = record.Hardware.HypervisorPath,
            HypervisorVersion = record.Run?.HypervisorVersion,
            Accelerator = record.Run?.Accelerator ?? record.Hardware.Accelerator,
            CpuCount = record.Hardware.CpuCount,
            MemoryBytes = record.Hardware.MemoryBytes,
            DiskBytes = record.Hardware.DiskBytes,
            Image = record.Boot.Image,
            KernelPath = record.Boot.KernelPath,
            Hostname = record.Boot.Hostname,
            IPAddress = interfaces.Select(one => one.IPAddress).FirstOrDefault(address => address is not null),
            NetworkInterfaces = interfaces,
            // An array, so that PowerShell can slice it.
            PublishedPorts = record.Network?.PublishedPorts.ToArray() ?? [],
            EgressPolicy = interfaces.Any(one => NetworkRules.HasSlot(one.Mode)) ? record.Network?.Egress.ToString() : null,
            RestoredFromSnapshotId = record.RestoredFromSnapshotId,
            Fixups = run?.Fixups ?? [],
            CreatedAt = record.CreatedAt,
            StartedAt = run?.StartedAt,
            Uptime = run is null ? null : DateTimeOffset.Now - run.StartedAt,
            ProcessId = run?.Process.ProcessId,
            LastExit = status.Exit,
            LastWords = ExitNotes.LastWordsOf(context, record.Id),
            SerialLogPath = context.Machines.SerialLogOf(record.Id),
            SerialSocketPath = run is null ? null : context.DriverOf(record.Hardware.Hypervisor).SerialSocketIn(run.RunDirectory),
        };
    }

    /// <summary>The record of a VM; null when there is none, or it is damaged.</summary>
    public static MachineRecord? TryRead(EngineContext context, Guid id)
    {
        try
        {
            return context.Machines.Read(id);
        }
        catch (MicroVmException exception) when (exception.ErrorId == ErrorIds.StateCorrupt)
        {
            return null;
        }
    }

    /// <summary>What is shown of a VM whose record cannot be read.</summary>
    public static VirtualMachine OfDamaged(EngineContext context, Guid id, MicroVmException failure) => new()
    {
        Name = context.Names.NameOf(id) ?? id.ToString("N"),
        Id = id,
        State = VmState.Failed,
        StatusDetail = $"{failure.Message} {failure.InnerException?.Message}",
        SerialLogPath = context.Machines.SerialLogOf(id),
    };

    // Its maker holds the lock, and has not got as far as to write a record. Null when it has no name yet: then nobody can have asked for it.
    private static VirtualMachine? OfUnfinished(EngineContext context, Guid id) => context.Names.NameOf(id) is not { } name
        ? null
        : new VirtualMachine
        {
            Name = name,
            Id = id,
            State = VmState.Starting,
            StatusDetail = "It is being made.",
            SerialLogPath = context.Machines.SerialLogOf(id),
        };

    /// <summary>What became of a VM whose VMM is gone.</summary>
    public static (VmState State, string? Detail, string? Exit) Ended(EngineContext context, MachineRecord record, MachineRun run)
    {
        // Its last threads may still be on their way out, and without them there is no exit status.
        using (ProcessDescriptor? process = VmmProcess.Open(run.Process))
        {
            process?.WaitForEnd(s_lastThreadsLimit, CancellationToken.None);
        }

        ChildReaper.ReapEnded();
        if (run.Process.BootId != ProcessIdentity.CurrentBootId)
        {
            return (VmState.Stopped, "The host was restarted.", null);
        }

        ExitRecord? note = context.Machines.ReadExit(record.Id, run.Process);
        ProcessExit? exit = note?.Exit ?? run.Process.UnreapedFailure;
        return exit switch
        {
            _ when record.State == VmState.Stopping => (VmState.Stopped, null, exit?.ToString()),
            null => (VmState.Stopped, "The VMM ended while nobody watched; its exit status is not known.", null),
            { Code: 0 } when LogFile.ContainsLately(context.Machines.SerialLogOf(record.Id), run.SerialLogOffset, KernelPanic) =>
                (VmState.Failed, "The guest's kernel panicked; Get-MicroVmLog shows its last words.", exit.ToString()),
            { Code: 0 } => (VmState.Stopped, "The guest powered off.", exit.ToString()),
            _ => (VmState.Failed, $"The VMM ended with {exit}{WordsOf(note)}", exit.ToString()),
        };
    }

    private static string WordsOf(ExitRecord? note) =>
        note?.VmmWords is { } words ? $": {string.Join(" | ", words.Split('\n').TakeLast(LastWords))}" : ".";

    /// <summary>Whether a state is one in which an operation is at work.</summary>
    public static bool IsPassing(VmState state) => state is VmState.Starting or VmState.Saving or VmState.Restoring or VmState.Stopping;
}
