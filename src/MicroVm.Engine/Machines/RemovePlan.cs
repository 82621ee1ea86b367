using Microsoft.Win32.SafeHandles;
using MicroVm.Engine.Errors;
using MicroVm.Engine.Native;
using MicroVm.Engine.State;
using MicroVm.Engine.Storage;

namespace MicroVm.Engine.Machines;

/// <summary>Removes VMs.</summary>
internal static class RemovePlan
{
    /// <summary>Removes a VM, its disk and its name.</summary>
    public static async Task<VirtualMachine> RemoveAsync(
        EngineContext context, Guid id, bool force, IOperationObserver observer, CancellationToken cancellationToken)
    {
        cancellationToken.ThrowIfCancellationRequested();
        try
        {
            try
            {
                return await RemoveReadableAsync(context, id, force, observer, cancellationToken);
            }
            catch (MicroVmException exception) when (exception.ErrorId == ErrorIds.StateCorrupt && force)
            {
                return await RemoveDamagedAsync(context, id, exception);
            }
        }
        catch (Exception exception) when (exception is IOException or UnauthorizedAccessException)
        {
            throw StorageErrors.Wrap(exception, context.Machines.DirectoryOf(id));
        }
    }

    private static async Task<VirtualMachine> RemoveReadableAsync(
        EngineContext context, Guid id, bool force, IOperationObserver observer, CancellationToken cancellationToken)
    {
        const string Operation = "Remove-MicroVm";
        VirtualMachine seen = MachineView.Find(context, id) ?? throw EngineContext.NotFound(id);
        using LockedMachine? machine = force ? await context.OpenEndingAsync(id, Operation, cancellationToken) : await context.OpenAsync(id, Operation);
        if (machine is null)
        {
            return MachineView.OfEnded(seen);
        }

        VirtualMachine last = machine.View;
        PhaseTimer timer = new(observer, $"Remove {last.Name}");
        if (machine.Record.Run is { } run)
        {
            if (!force)
            {
                throw new MicroVmException(
                    ErrorIds.InvalidMicroVmState,
                    ErrorKind.InvalidState,
                    $"VM '{last.Name}' is {last.State}; to remove it, it must be Stopped or Failed.")
                {
                    Target = last.Name,
                    RecommendedAction = $"Stop-MicroVm {last.Name} first, or use Remove-MicroVm -Force.",
                };
            }

            await StopPlan.EndVmmAsync(machine.Driver, run);
            Failpoint.Reach(Failpoints.RemoveEnded);
            RunEnd.Tidy(context, machine.Record, run);
            timer.Mark("VMM");
        }

        Delete(context, machine.Record.Name, id);
        NetworkClaiming.Release(context, machine.Record);
        Failpoint.Reach(Failpoints.RemoveNetwork);
        timer.Done();
        return last;
    }

    private static async Task<VirtualMachine> RemoveDamagedAsync(EngineContext context, Guid id, MicroVmException damage)
    {
        VirtualMachine last = MachineView.OfDamaged(context, id, damage);
        string directory = context.Machines.DirectoryOf(id);
        using MachineLock held = MachineLock.Acquire(directory, last.Name, "Remove-MicroVm");
        // The record would say which process is its VMM. Its run directory says that it was made for this VM, and the VMM is found by it.
        foreach (string runDirectory in context.Runs.Of(id))
        {
            await OrphanedVmm.EndAsync(context.DriverOf(HypervisorKind.Auto), runDirectory);
            MachineStore.DeleteDirectory(runDirectory);
        }

        foreach (string disk in Directory.EnumerateFiles(directory, "*.raw"))
        {
            // A VMM locks its disks: while one is locked, something lives that was not found.
            using SafeFileHandle file = Descriptors.OpenUnlocked(disk);
            if (FileLock.IsHeldElsewhere(file))
            {
                throw new MicroVmException(
                    ErrorIds.MicroVmBusy, ErrorKind.Busy, $"A VMM still uses '{disk}', and the damaged record does not say which.", damage)
                {
                    Target = last.Name,
                    RecommendedAction = $"Find it with: fuser {disk}",
                };
            }
        }

        Delete(context, last.Name, id);
        NetworkClaiming.ReleaseClaims(context, id);
        return last;
    }

    private static void Delete(EngineContext context, string name, Guid id)
    {
        // The directory first: a claim without one is nobody's, whatever happens next.
        context.Machines.Delete(id);
        context.Names.Release(name, id);
        Failpoint.Reach(Failpoints.RemoveReleased);
    }
}
