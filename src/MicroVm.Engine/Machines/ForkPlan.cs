using MicroVm.Engine.Snapshots;
using MicroVm.Engine.State;
using MicroVm.Engine.Storage;
using MicroVm.Engine.Vmm;

namespace MicroVm.Engine.Machines;

/// <summary>
/// Makes copies of VMs. One that runs or is paused is captured as for a snapshot, but for this moment only: nothing is digested or made durable. One that is
/// stopped is its disk.
/// </summary>
internal static class ForkPlan
{
    /// <summary>Captures a VM for copies and leaves it as it was.</summary>
    public static async Task<MachineFork> ForkAsync(EngineContext context, Guid id, IOperationObserver observer, CancellationToken cancellationToken)
    {
        using LockedMachine machine = await context.OpenAsync(id, "Copy-MicroVm");
        machine.Require("copy", VmState.Running, VmState.Paused, VmState.Unknown, VmState.Stopped, VmState.Failed);
        MachineRecord origin = machine.Record;
        Guid forkId = Guid.NewGuid();
        string directory = context.Snapshots.Stage(forkId);
        PhaseTimer timer = new(observer, $"Fork {origin.Name}");
        try
        {
            SnapshotManifest? manifest = null;
            if (origin.Run is not null)
            {
                SnapshotCapture.Capture capture = await SnapshotCapture.RunAsync(
                    context, machine, directory, timer, $"Copying {origin.Name}", observer, cancellationToken);
                manifest = SnapshotDescription.Of(machine.Record, forkId, "fork", null, directory, capture, SnapshotDigests.None);
            }
            else if (origin.OverlayDisk is { } overlay)
            {
                await SparseFile.CopyAsync(Path.Combine(machine.Directory, overlay), Path.Combine(directory, SnapshotStore.DiskFile), cancellationToken);
                timer.Mark("disk");
            }

            ConfigurationDisk.Copy(origin.Boot, machine.Directory, directory);
            timer.Done();
            return new MachineFork(context, machine.Record, directory, manifest);
        }
        catch (Exception exception)
        {
            SnapshotCapture.Abandon(context, machine, directory, forkId, observer);
            throw exception is VmmConnectionException
                ? VmmFailure.Ended(context, machine.Record, machine.Record.Run!, exception)
                : StorageErrors.WrapOrSame(exception, directory);
        }
    }

    /// <summary>Makes a copy.</summary>
    public static Task<VirtualMachine> CopyAsync(
        MachineFork fork, string name, CopyOptions options, IOperationObserver observer, CancellationToken cancellationToken)
    {
        NameRule.Check(name, "VM");
        NetworkRules.CheckPorts(options.PublishedPorts ?? [], fork.Origin.Hardware.Interfaces.Select(one => one.Mode));
        if (fork.Manifest is not { } manifest)
        {
            return CopyStoppedAsync(fork, name, options, observer, cancellationToken);
        }

        RestoreOptions restore = new()
        {
            NewName = name,
            LeaveSuspended = options.NoStart,
            NoFixup = options.NoFixup,
            SshHostKeys = options.SshHostKeys,
            Ephemeral = options.Ephemeral,
            PublishedPorts = options.PublishedPorts,
        };
        return RestorePlan.CloneAsync(fork.Context, manifest, fork.Directory, restore, observer, cancellationToken);
    }

    private static async Task<VirtualMachine> CopyStoppedAsync(
        MachineFork fork, string name, CopyOptions options, IOperationObserver observer, CancellationToken cancellationToken)
    {
        MachineRecord origin = fork.Origin;
        if (!options.NoStart)
        {
            SpecRules.CheckFiles(origin.Boot);
        }

        MachineRecord record = CloneRecord.Of(origin, name, options.PublishedPorts ?? [], options.Ephemeral);
        PhaseTimer timer = new(observer, $"Copy {origin.Name} to {name}");
        VirtualMachine copy = await BootPlan.MakeAsync(fork.Context, record, "Copy-MicroVm", FillAsync, !options.NoStart, timer, observer, cancellationToken);
        CloneRecord.WarnOfPorts(origin.Name, origin.Network, name, options.PublishedPorts, observer);
        return copy;

        async Task FillAsync(string directory, CancellationToken token)
        {
            ConfigurationDisk.Copy(record.Boot, fork.Directory, directory);
            if (record.OverlayDisk is { } overlay)
            {
                await SparseFile.CopyAsync(Path.Combine(fork.Directory, SnapshotStore.DiskFile), Path.Combine(directory, overlay), token);
                timer.Mark("disk");
            }
        }
    }
}
