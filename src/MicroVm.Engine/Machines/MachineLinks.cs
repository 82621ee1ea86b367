using MicroVm.Engine.Errors;
using MicroVm.Engine.Network;
using MicroVm.Engine.State;
using MicroVm.Engine.Vmm;

namespace MicroVm.Engine.Machines;

/// <summary>
/// The host's ends of the network interfaces of one run. They lead nowhere until they are attached, so that a run can be prepared while the one it takes the place
/// of still goes on; and they go with the VMM that holds them.
/// </summary>
internal sealed class MachineLinks : IDisposable
{
    private readonly EngineContext _context;
    private readonly MachineRecord _record;
    private readonly List<InterfaceEnd> _ends;
    private bool _isAttached;

    private MachineLinks(EngineContext context, MachineRecord record, List<InterfaceEnd> ends)
    {
        _context = context;
        _record = record;
        _ends = ends;
    }

    /// <summary>The interfaces, for the VMM.</summary>
    public IReadOnlyList<VmmInterface> Interfaces => [.. _ends.Select((end, i) => end.Interface with { Port = _record.Hardware.Interfaces[i].Port })];

    /// <summary>The interfaces for a restored guest, which takes them for others: what does not fit waits to be connected until the guest was told.</summary>
    /// <param name="former">What the guest takes them for.</param>
    public IReadOnlyList<VmmInterface> InterfacesFor(IReadOnlyList<MachineInterface> former) =>
        [.. Interfaces.Select((one, i) => one with { LinkUp = i >= former.Count || former[i].MacAddress == one.MacAddress })];

    /// <summary>The host's devices, in the interfaces' order; "" for an interface that has none.</summary>
    public IReadOnlyList<string> Names => [.. _ends.Select(end => end.DeviceName)];

    /// <summary>Makes the ends. Nobody reaches the guest by them yet.</summary>
    /// <param name="context">The engine.</param>
    /// <param name="record">The VM, with what it has claimed.</param>
    /// <exception cref="Errors.MicroVmException">The host lacks something, or it is not allowed; nothing is left.</exception>
    /// <param name="undo">Takes what has to be undone.</param>
    /// <param name="cancellationToken">Ends the wait for programs behind them.</param>
    public static MachineLinks Raise(EngineContext context, MachineRecord record, UndoStack undo, CancellationToken cancellationToken)
    {
        List<InterfaceEnd> ends = [];
        try
        {
            for (int i = 0; i < record.Hardware.Interfaces.Count; i++)
            {
                ends.Add(InterfaceEnd.Raise(context, record, i, cancellationToken));
            }

            MachineLinks links = new(context, record, ends);
            if (ends.Count > 0)
            {
                undo.Push("network", () => HostFirewall.Detach(context, record, links.Names, keepsAddress: !links._isAttached));
            }

            return links;
        }
        catch
        {
            ends.ForEach(end => end.Dispose());
            throw;
        }
    }

    /// <summary>As <see cref="Raise"/>, for a run that takes the place of another: that one ends now if it has what cannot be had twice.</summary>
    /// <param name="context">The engine.</param>
    /// <param name="before">The VM as it is.</param>
    /// <param name="record">What the VM becomes.</param>
    /// <param name="undo">Takes what has to be undone.</param>
    /// <param name="cancellationToken">Ends the wait for programs behind them.</param>
    public static async Task<MachineLinks> RaiseInPlaceAsync(
        EngineContext context, MachineRecord before, MachineRecord record, UndoStack undo, CancellationToken cancellationToken)
    {
        IVmmDriver driver = context.DriverOf(before.Hardware.Hypervisor);
        if (before is { Run: { } holder, Network.PublishedPorts.Count: > 0 } && before.Hardware.Interfaces.Any(one => one.Mode == NetworkMode.User))
        {
            // The ports are its program's, and the next one can have them only when that has ended.
            await StopPlan.EndVmmAsync(driver, holder);
        }

        try
        {
            return Raise(context, record, undo, cancellationToken);
        }
        catch (MicroVmException exception)
            when (exception is { ErrorId: ErrorIds.TapDeviceUnusable, Kind: ErrorKind.Busy }
                && before.Run is not null && before.Hardware.Interfaces.Any(one => one.Mode == NetworkMode.Tap))
        {
            // All is there, but a device of the user's is for one VMM at a time.
            await StopPlan.EndVmmAsync(driver, before.Run);
            return Raise(context, record, undo, cancellationToken);
        }
    }

    /// <summary>Gives the interfaces their addresses and ports outside, and takes them from the run that had them.</summary>
    /// <param name="observer">Hears of what was changed on the host.</param>
    public void Attach(IOperationObserver observer)
    {
        PrepareHost(_context, _record.Hardware.Interfaces, observer);
        _isAttached = true;
        _ends.ForEach(end => end.Attach());
    }

    /// <summary>Sees to it that the host is ready for interfaces.</summary>
    /// <param name="context">The engine.</param>
    /// <param name="interfaces">The interfaces that are to be attached.</param>
    /// <param name="observer">Hears of what was changed on the host.</param>
    public static void PrepareHost(EngineContext context, IReadOnlyList<MachineInterface> interfaces, IOperationObserver observer)
    {
        if (interfaces.Any(one => NetworkRules.HasSlot(one.Mode)))
        {
            HostFirewall.Prepare(context, interfaces.Any(one => NetworkRules.HasSlot(one.Mode) && one.AddressV6 is not null), observer);
        }

        if (interfaces.Any(one => one.Mode == NetworkMode.User) && !PasstProgram.Find().KeepsLoopback)
        {
            observer.Warning("This passt lets root in a guest reach what listens on the host's loopback addresses; a newer one does not.");
        }
    }

    /// <summary>Closes this process's copies of the ends: the VMM has its own.</summary>
    public void Dispose() => _ends.ForEach(end => end.Dispose());
}
