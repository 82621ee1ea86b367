using MicroVm.Engine.Errors;
using MicroVm.Engine.Network;
using MicroVm.Engine.Snapshots;
using MicroVm.Engine.State;
using MicroVm.Engine.Storage;
using MicroVm.Engine.Vmm;
using MicroVm.Engine.Vmm.Qemu;

namespace MicroVm.Engine.Machines;

/// <summary>What the plans share.</summary>
internal sealed class EngineContext
{
    // Undoing what was begun takes less.
    private static readonly TimeSpan s_endLimit = TimeSpan.FromSeconds(20);

    // The host's network is one, however many engines there are in this process.
    private static readonly HostNetwork s_hostNetwork = new();

    private readonly IReadOnlyList<IVmmDriver> _drivers;

    /// <summary>Makes the context; tests bring their own drivers, and a network to take for the host's.</summary>
    public EngineContext(MicroVmPaths paths, IReadOnlyList<IVmmDriver>? drivers = null, HostNetwork? hostNetwork = null)
    {
        HostNetwork = hostNetwork ?? s_hostNetwork;
        Paths = paths;
        Machines = new MachineStore(paths);
        Names = new NameClaims(Machines);
        Runs = new RunDirectories(Machines);
        Slots = new SlotClaims(Machines);
        Ports = new PortClaims(Machines);
        Networks = new NamedNetworkStore(paths);
        SpareLinks = new SpareLinks(paths);
        Settings = new HostSettingsStore(paths);
        Images = new ImageStore(paths);
        Snapshots = new SnapshotStore(paths);
        _drivers = drivers ?? [new QemuDriver()];
    }

    /// <summary>Where everything lives.</summary>
    public MicroVmPaths Paths { get; }

    /// <summary>The VMs' records.</summary>
    public MachineStore Machines { get; }

    /// <summary>The VMs' names.</summary>
    public NameClaims Names { get; }

    /// <summary>The directories of runs.</summary>
    public RunDirectories Runs { get; }

    /// <summary>The VMs' network slots.</summary>
    public SlotClaims Slots { get; }

    /// <summary>The VMs' published ports.</summary>
    public PortClaims Ports { get; }

    /// <summary>What is set for the host.</summary>
    public HostSettingsStore Settings { get; }

    /// <summary>The named networks.</summary>
    public NamedNetworkStore Networks { get; }

    /// <summary>The network links that are ready for VMs to come.</summary>
    public SpareLinks SpareLinks { get; }

    /// <summary>The host's network.</summary>
    public HostNetwork HostNetwork { get; }

    /// <summary>Where the host says which name servers it asks: resolv.conf(5).</summary>
    public string ResolverFile { get; init; } = "/etc/resolv.conf";

    /// <summary>The images.</summary>
    public ImageStore Images { get; }

    /// <summary>The snapshots.</summary>
    public SnapshotStore Snapshots { get; }

    /// <summary>The VMMs the engine drives, in the order in which <see cref="HypervisorKind.Auto"/> takes them.</summary>
    public IReadOnlyList<IVmmDriver> Drivers => _drivers;

    /// <summary>The driver of a VMM; <see cref="HypervisorKind.Auto"/> gives the first one.</summary>
    public IVmmDriver DriverOf(HypervisorKind kind) => kind == HypervisorKind.Auto ? _drivers[0] : _drivers.First(driver => driver.Kind == kind);

    /// <summary>Takes the lock of a VM, waiting for the keeper alone, reads its record and corrects what a dead VMM or an interrupted operation left in it.</summary>
    /// <exception cref="MicroVmException"><see cref="ErrorIds.MicroVmNotFound"/>, <see cref="ErrorIds.MicroVmBusy"/>, <see cref="ErrorIds.StateCorrupt"/>.</exception>
    public async Task<LockedMachine> OpenAsync(Guid id, string operation)
    {
        string directory = Machines.DirectoryOf(id);
        if (!Directory.Exists(directory))
        {
            throw NotFound(id);
        }

        string name = Machines.Read(id)?.Name ?? id.ToString();
        MachineLock held;
        try
        {
            held = await MachineLock.AcquireAsync(directory, name, operation);
        }
        catch (IOException exception)
        {
            throw Directory.Exists(directory) ? StorageErrors.Wrap(exception, directory) : NotFound(id);
        }

        try
        {
            MachineRecord record = Machines.Read(id) ?? throw NotFound(id);
            return await LockedMachine.CorrectAsync(this, held, record);
        }
        catch
        {
            held.Dispose();
            throw;
        }
    }

    /// <summary>As <see cref="OpenAsync"/>, but if another process is making, starting or restoring the VM, that is ended first.</summary>
    /// <returns>Null when the VM was only being made, and is gone.</returns>
    /// <exception cref="MicroVmException">As <see cref="OpenAsync"/>; <see cref="ErrorIds.MicroVmBusy"/> too when that other process does not give up.</exception>
    public async Task<LockedMachine?> OpenEndingAsync(Guid id, string operation, CancellationToken cancellationToken)
    {
        string directory = Machines.DirectoryOf(id);
        if (!MachineLock.IsHeld(directory) || Machines.Read(id) is { State: not (VmState.Starting or VmState.Restoring) })
        {
            return await OpenAsync(id, operation);
        }

        await EndRequest.SendAsync(directory, operation, s_endLimit, cancellationToken);
        try
        {
            return await OpenAsync(id, operation);
        }
        catch (MicroVmException exception) when (exception.ErrorId == ErrorIds.MicroVmNotFound)
        {
            return null;
        }
    }

    /// <summary>The error for an id that no VM has.</summary>
    public static MicroVmException NotFound(Guid id) =>
        new(ErrorIds.MicroVmNotFound, ErrorKind.NotFound, $"There is no VM with id {id}.") { Target = id, RecommendedAction = "Get-MicroVm lists the VMs." };
}
