using MicroVm.Engine.Errors;
using MicroVm.Engine.State;
using MicroVm.Engine.Storage;
using MicroVm.Engine.Vmm;

namespace MicroVm.Engine.Machines;

/// <summary>A VM that one operation works on: the lock, and the record as it is now.</summary>
internal sealed class LockedMachine : IDisposable
{
    private readonly EngineContext _context;
    private readonly MachineLock _lock;

    // A save was interrupted: it lets no guest stand that did not stand before, see SavePlan.
    private bool _resumeDue;

    private LockedMachine(EngineContext context, MachineLock held, MachineRecord record)
    {
        _context = context;
        _lock = held;
        Record = record;
    }

    /// <summary>The record.</summary>
    public MachineRecord Record { get; private set; }

    /// <summary>The VM's directory.</summary>
    public string Directory => _context.Machines.DirectoryOf(Record.Id);

    /// <summary>The VM as a user sees it.</summary>
    public VirtualMachine View => MachineView.Of(_context, Record);

    /// <summary>The driver of its VMM.</summary>
    public IVmmDriver Driver => _context.DriverOf(Record.Hardware.Hypervisor);

    /// <summary>Takes over the lock, and puts right what a VMM that is gone or an operation that was killed has left.</summary>
    public static async Task<LockedMachine> CorrectAsync(EngineContext context, MachineLock held, MachineRecord record)
    {
        LockedMachine machine = new(context, held, record);
        if (record.SpareName is { } spare)
        {
            context.Names.Release(spare, record.Id);
            record = record with { SpareName = null };
            machine.TrySave(record, NullObserver.Instance, lasting: false);
        }

        if (record.PendingRunDirectory is { } pending)
        {
            await OrphanedVmm.EndAsync(machine.Driver, pending);
            MachineStore.DeleteDirectory(pending);
            HostFirewall.Sweep(context, record.Network?.Slots.OfType<int>() ?? [], record.Run is { Process.IsAlive: true } other ? other.Links : []);
            machine.TrySave(record with { PendingRunDirectory = null, State = record.Run is null ? VmState.Stopped : record.State }, NullObserver.Instance);
        }

        if (machine.Record.Run is { } run && !run.Process.IsAlive)
        {
            (VmState state, string? detail, string? exit) = MachineView.Ended(context, record, run);
            machine.TrySave(machine.Record with { State = state, StatusDetail = detail, LastExit = exit ?? record.LastExit, Run = null }, NullObserver.Instance);
            RunEnd.Tidy(context, record, run);
        }
        else if (machine.Record is { Run: { } present } interrupted
            && (interrupted.State is not (VmState.Running or VmState.Paused or VmState.Unknown) || RunDirectories.IsChanging(present.RunDirectory)))
        {
            // Nobody else is at work. What became of the guest, the VMM says as soon as it is spoken to: see ConnectAsync.
            machine._resumeDue = interrupted.State == VmState.Saving;
            machine.Record = interrupted with { State = VmState.Unknown, StatusDetail = $"An operation was interrupted while {interrupted.State}." };
        }

        return machine;
    }

    /// <summary>A VM that is being made; makes its directory.</summary>
    public static LockedMachine Create(EngineContext context, MachineRecord record, string operation) =>
        new(context, context.Machines.MakeLocked(record.Id, record.Name, operation), record);

    /// <summary>Takes over what was claimed for a VM that is being made; the next record that is written says so.</summary>
    public void Take(MachineNetwork? network) => Record = Record with { Network = network };

    /// <summary>Takes over how the machine is put together for its next run; the next record that is written says so.</summary>
    public void Take(MachineHardware hardware) => Record = Record with { Hardware = hardware };

    /// <summary>Writes a new record.</summary>
    /// <exception cref="MicroVmException">The disk is full, for one; the record is unchanged then.</exception>
    public void Save(MachineRecord record) => Write(record, lasting: true);

    /// <summary>
    /// Writes a record for the other processes of this boot: that an operation is at work, or that it is not any more. A power failure ends the VMM too, so
    /// the record before this one will do then.
    /// </summary>
    /// <exception cref="MicroVmException">The disk is full, for one; the record is unchanged then.</exception>
    public void SavePassing(MachineRecord record) => Write(record, lasting: false);

    /// <summary>
    /// Writes a new record where something else matters more: what an operation failed of, or that a VM can be stopped and removed on a full disk. Who looks at
    /// the old one finds its process gone and draws the same conclusions.
    /// </summary>
    /// <param name="record">The record.</param>
    /// <param name="observer">Hears of a failure.</param>
    /// <param name="lasting">As <see cref="Save"/>, or as <see cref="SavePassing"/>.</param>
    public void TrySave(MachineRecord record, IOperationObserver observer, bool lasting = true)
    {
        try
        {
            Write(record, lasting);
        }
        catch (MicroVmException exception)
        {
            observer.Warning($"The state {record.State} of VM '{record.Name}' could not be recorded: {exception.InnerException!.Message}");
            Record = record;
        }
    }

    /// <summary>Holds the VM's state against what an operation needs.</summary>
    /// <exception cref="MicroVmException"><see cref="ErrorIds.InvalidMicroVmState"/>.</exception>
    public void Require(string verb, params ReadOnlySpan<VmState> allowed)
    {
        if (Record.IsBeingMade)
        {
            throw new MicroVmException(ErrorIds.InvalidMicroVmState, ErrorKind.InvalidState, $"VM '{Record.Name}' cannot be used. {UnfinishedMachine.Detail}")
            {
                Target = Record.Name,
                RecommendedAction = $"Remove-MicroVm {Record.Name}",
            };
        }

        VmState state = View.State;
        if (!allowed.Contains(state))
        {
            throw new MicroVmException(
                ErrorIds.InvalidMicroVmState,
                ErrorKind.InvalidState,
                $"VM '{Record.Name}' is {state}; to {verb} it, it must be {string.Join(" or ", allowed.ToArray().Where(state => state != VmState.Unknown))}.")
            {
                Target = Record.Name,
                RecommendedAction = Advice(state),
            };
        }
    }

    /// <summary>Connects to the VMM of a VM that has one, and corrects a state that an interrupted operation left in the record.</summary>
    public async Task<IVmmConnection> ConnectAsync(CancellationToken cancellationToken)
    {
        IVmmConnection connection;
        try
        {
            connection = await Driver.ConnectAsync(Record.Run!.RunDirectory, cancellationToken);
        }
        catch (VmmConnectionException exception)
        {
            throw VmmFailure.Ended(_context, Record, Record.Run!, exception);
        }

        try
        {
            if (Record.State is not (VmState.Running or VmState.Paused))
            {
                VmmStatus status = await connection.GetStatusAsync(cancellationToken);
                if (_resumeDue && status == VmmStatus.Paused)
                {
                    await connection.ResumeAsync(cancellationToken);
                    status = VmmStatus.Running;
                }

                Save(Record with { State = status == VmmStatus.Running ? VmState.Running : VmState.Paused, StatusDetail = null });
                RunDirectories.EndChange(Record.Run!.RunDirectory);
            }

            return connection;
        }
        catch
        {
            await connection.DisposeAsync();
            throw;
        }
    }

    /// <inheritdoc/>
    public void Dispose() => _lock.Dispose();

    private void Write(MachineRecord record, bool lasting)
    {
        try
        {
            _context.Machines.Write(record, lasting);
        }
        catch (Exception exception) when (exception is IOException or UnauthorizedAccessException)
        {
            throw StorageErrors.Wrap(exception, Directory);
        }

        Record = record;
    }

    private static string? Advice(VmState state) => state switch
    {
        VmState.Stopped or VmState.Failed => "Start-MicroVm boots it.",
        VmState.Paused => "Resume-MicroVm lets it go on.",
        VmState.Running => "Stop-MicroVm stops it, Suspend-MicroVm pauses it.",
        _ => null,
    };
}
