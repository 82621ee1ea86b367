using MicroVm.Engine.Errors;
using MicroVm.Engine.Guest;
using MicroVm.Engine.Guest.Agent;
using MicroVm.Engine.Guest.Commands;
using MicroVm.Engine.Guest.Files;
using MicroVm.Engine.Hosts;
using MicroVm.Engine.Keeper;
using MicroVm.Engine.Machines;
using MicroVm.Engine.Snapshots;
using MicroVm.Engine.State;
using MicroVm.Engine.Storage;

namespace MicroVm.Engine;

/// <summary>
/// The engine: one method per verb, asynchronous and cancellable. Cancelling undoes what the call made, then throws
/// <see cref="OperationCanceledException"/>. Failures are <see cref="Errors.MicroVmException"/>. Thread-safe; several engines, in this or other
/// processes, may work on the same directories.
/// </summary>
public sealed class MicroVmEngine
{
    private readonly EngineContext _context;
    private readonly KeeperStarter _keeper;

    /// <summary>Makes an engine over the given directories; nothing is created before it is needed.</summary>
    /// <param name="paths">The directories.</param>
    /// <param name="keeper">How to start what goes on while no process of the user's is there; without it nothing does, and no VM can be ephemeral.</param>
    public MicroVmEngine(MicroVmPaths paths, KeeperCommand? keeper = null)
    {
        _context = new EngineContext(paths);
        _keeper = new KeeperStarter(paths, keeper);
    }

    /// <summary>As the other, with what the plans share: tests bring their own.</summary>
    internal MicroVmEngine(EngineContext context, KeeperCommand? keeper = null)
    {
        _context = context;
        _keeper = new KeeperStarter(context.Paths, keeper);
    }

    /// <summary>Where the engine keeps everything.</summary>
    public MicroVmPaths Paths => _context.Paths;

    /// <summary>Creates a VM and, unless <paramref name="start"/> is false, boots it; returns once the VMM runs it.</summary>
    public Task<VirtualMachine> CreateAsync(VirtualMachineSpec spec, bool start, IOperationObserver observer, CancellationToken cancellationToken)
    {
        RequireKeeper(spec.Ephemeral);
        return KeptAsync(BootPlan.CreateAsync(_context, spec, start, observer, cancellationToken), observer);
    }

    /// <summary>Reads the description of a VM from a JSON file that <see cref="WriteSpec"/> or a user wrote.</summary>
    public static VirtualMachineSpec ReadSpec(string path) => SpecJson.ReadFile(path);

    /// <summary>Writes the description of a VM to a JSON file that its owner alone may read.</summary>
    public static void WriteSpec(VirtualMachineSpec spec, string path) => SpecJson.WriteFile(spec, path);

    /// <summary>All VMs by name, as found; never waits for a VMM. A damaged record yields a Failed VM.</summary>
    public IEnumerable<VirtualMachine> GetMachines()
    {
        VirtualMachine[] machines = [.. _context.Machines.Ids().Select(FindMachine).OfType<VirtualMachine>()];
        if (machines.Any(IsKept) || SpareService.IsWanted(_context))
        {
            // Somebody may have killed it.
            _keeper.Ensure();
        }

        return machines.OrderBy(machine => machine.Name, StringComparer.OrdinalIgnoreCase);
    }

    /// <summary>The VM of that id, or null.</summary>
    public VirtualMachine? FindMachine(Guid id) => MachineView.Find(_context, id);

    /// <summary>The VM of that exact name (without regard to case), or null.</summary>
    public VirtualMachine? FindMachine(string name) =>
        _context.Names.Find(name) is { } id && FindMachine(id) is { } machine && NameClaims.AreSame(machine.Name, name) ? machine : null;

    /// <summary>Changes what the user wrote about a VM, and where its guest may go, in any state.</summary>
    public Task<VirtualMachine> SetAsync(Guid id, MachineUpdate update, IOperationObserver observer, CancellationToken cancellationToken)
    {
        cancellationToken.ThrowIfCancellationRequested();
        return SetPlan.SetAsync(_context, id, update, observer);
    }

    /// <summary>Makes ports of the host's lead to a VM, in any state.</summary>
    public Task<VirtualMachine> PublishAsync(Guid id, IReadOnlyList<PublishedPort> ports, IOperationObserver observer, CancellationToken cancellationToken)
    {
        cancellationToken.ThrowIfCancellationRequested();
        return PublishPlan.PublishAsync(_context, id, ports, observer);
    }

    /// <summary>Takes published ports back, in any state.</summary>
    /// <param name="id">The VM.</param>
    /// <param name="hostPorts">The host's ports; null for all.</param>
    /// <param name="protocol">Of one protocol only, or null.</param>
    /// <param name="cancellationToken">Cancels what has not begun.</param>
    public Task<VirtualMachine> UnpublishAsync(Guid id, IReadOnlyList<int>? hostPorts, PortProtocol? protocol, CancellationToken cancellationToken)
    {
        cancellationToken.ThrowIfCancellationRequested();
        return PublishPlan.UnpublishAsync(_context, id, hostPorts, protocol);
    }

    /// <summary>Adds a network interface to a VM that is stopped or runs.</summary>
    public Task<VirtualMachine> AddInterfaceAsync(Guid id, NetworkInterfaceSpec spec, IOperationObserver observer, CancellationToken cancellationToken) =>
        InterfacePlan.AddAsync(_context, id, spec, observer, cancellationToken);

    /// <summary>Removes a network interface of a VM that is stopped or runs.</summary>
    /// <param name="id">The VM.</param>
    /// <param name="macAddress">The interface's hardware address; null for the only one the VM has.</param>
    /// <param name="observer">Hears of what the guest could not be told.</param>
    /// <param name="cancellationToken">Ends the wait for the guest.</param>
    public Task<VirtualMachine> RemoveInterfaceAsync(Guid id, string? macAddress, IOperationObserver observer, CancellationToken cancellationToken) =>
        InterfacePlan.RemoveAsync(_context, id, macAddress, observer, cancellationToken);

    /// <summary>Makes a named network.</summary>
    public Task<NamedNetwork> CreateNetworkAsync(string name, string? description, CancellationToken cancellationToken) =>
        Task.Run(() => NamedNetworkPlan.Create(_context, name, description), cancellationToken);

    /// <summary>All named networks by name.</summary>
    public IEnumerable<NamedNetwork> GetNetworks() => NamedNetworkPlan.List(_context);

    /// <summary>Removes a named network that no VM is in.</summary>
    public Task RemoveNetworkAsync(string name, CancellationToken cancellationToken) =>
        Task.Run(() => NamedNetworkPlan.Remove(_context, name), cancellationToken);

    /// <summary>What is set for the host, and how much of it is used.</summary>
    public Task<MicroVmHost> GetHostAsync(CancellationToken cancellationToken) => Task.Run(
        () =>
        {
            MicroVmHost host = HostPlan.Get(_context);
            if (host.SpareSlots > 0)
            {
                _keeper.Ensure();
            }

            return host;
        },
        cancellationToken);

    /// <summary>Sets what VMs are given of the host.</summary>
    public Task<MicroVmHost> SetHostAsync(HostUpdate update, IOperationObserver observer, CancellationToken cancellationToken) => Task.Run(
        () =>
        {
            MicroVmHost host = HostPlan.Set(_context, update);
            if (host.SpareSlots > 0 && (_keeper.WhyNone ?? _keeper.Ensure()) is { } reason)
            {
                observer.Warning($"Network links are kept ready by a keeper, and there is none. {reason}");
            }

            return host;
        },
        cancellationToken);

    /// <summary>Gives a VM another name, in any state. At any moment it has either of the two; a guest and its VMM learn of it at the next boot.</summary>
    public Task<VirtualMachine> RenameAsync(Guid id, string newName, IOperationObserver observer, CancellationToken cancellationToken)
    {
        cancellationToken.ThrowIfCancellationRequested();
        return RenamePlan.RenameAsync(_context, id, newName, observer);
    }

    /// <summary>Boots a stopped or failed VM.</summary>
    public Task<VirtualMachine> StartAsync(Guid id, IOperationObserver observer, CancellationToken cancellationToken) =>
        KeptAsync(BootPlan.StartAsync(_context, id, observer, cancellationToken), observer);

    /// <summary>Pauses the vCPUs; the memory stays in RAM. A paused VM stays as it is.</summary>
    public Task<VirtualMachine> SuspendAsync(Guid id, IOperationObserver observer, CancellationToken cancellationToken) =>
        PausePlan.SuspendAsync(_context, id, observer, cancellationToken);

    /// <summary>Lets a paused VM go on. A running VM stays as it is.</summary>
    public Task<VirtualMachine> ResumeAsync(Guid id, IOperationObserver observer, CancellationToken cancellationToken) =>
        PausePlan.ResumeAsync(_context, id, observer, cancellationToken);

    /// <summary>
    /// Stops a VM. A stopped VM stays as it is. <paramref name="timeout"/> limits the wait for the guest. Unless the guest alone is asked, another process that is
    /// making, starting or restoring the VM is made to give up; a VM that was only being made is gone then.
    /// </summary>
    public Task<VirtualMachine> StopAsync(Guid id, StopMode mode, TimeSpan timeout, IOperationObserver observer, CancellationToken cancellationToken) =>
        StopPlan.StopAsync(_context, id, mode, timeout, observer, cancellationToken);

    /// <summary>Stops a running or paused VM as <see cref="StopAsync"/> does, and boots it again; no other operation comes in between.</summary>
    public Task<VirtualMachine> RestartAsync(Guid id, StopMode mode, TimeSpan timeout, IOperationObserver observer, CancellationToken cancellationToken) =>
        BootPlan.RestartAsync(_context, id, mode, timeout, observer, cancellationToken);

    /// <summary>
    /// Removes a VM and its disk; its snapshots stay. A VM with a live VMM is refused unless <paramref name="force"/>, which also makes another process give up
    /// that is making, starting or restoring the VM. What has begun to be removed is removed, cancelled or not.
    /// </summary>
    public Task<VirtualMachine> RemoveAsync(Guid id, bool force, IOperationObserver observer, CancellationToken cancellationToken) =>
        RemovePlan.RemoveAsync(_context, id, force, observer, cancellationToken);

    /// <summary>Waits until the guest wrote its image's ready marker.</summary>
    public Task<VirtualMachine> WaitReadyAsync(Guid id, TimeSpan timeout, IOperationObserver observer, CancellationToken cancellationToken) =>
        WaitPlan.ReadyAsync(_context, id, timeout, observer, cancellationToken);

    /// <summary>Waits until the agent in the guest answers.</summary>
    public Task<VirtualMachine> WaitAgentAsync(Guid id, TimeSpan timeout, IOperationObserver observer, CancellationToken cancellationToken) =>
        WaitPlan.GuestAsync(_context, id, GuestCondition.Agent, timeout, observer, cancellationToken);

    /// <summary>Waits until an interface of the guest other than its loopback has an address that is good beyond its link.</summary>
    public Task<VirtualMachine> WaitNetworkAsync(Guid id, TimeSpan timeout, IOperationObserver observer, CancellationToken cancellationToken) =>
        WaitPlan.GuestAsync(_context, id, GuestCondition.Network, timeout, observer, cancellationToken);

    /// <summary>Waits until something in the guest listens on a TCP port.</summary>
    public Task<VirtualMachine> WaitPortAsync(Guid id, int port, TimeSpan timeout, IOperationObserver observer, CancellationToken cancellationToken) =>
        WaitPlan.GuestAsync(_context, id, GuestCondition.Port(port), timeout, observer, cancellationToken);

    /// <summary>Waits until the VM has no VMM any more, however it ended.</summary>
    public Task<VirtualMachine> WaitExitAsync(Guid id, TimeSpan timeout, IOperationObserver observer, CancellationToken cancellationToken) =>
        WaitPlan.ExitAsync(_context, id, timeout, observer, cancellationToken);

    /// <summary>Waits until the VM is in the given state.</summary>
    public Task<VirtualMachine> WaitStateAsync(Guid id, VmState state, TimeSpan timeout, IOperationObserver observer, CancellationToken cancellationToken) =>
        WaitPlan.StateAsync(_context, id, state, timeout, observer, cancellationToken);

    /// <summary>
    /// Tells of VMs that appear, change their state or are removed, whoever did it, from the moment the first element is asked for; of what is there already,
    /// nothing. States that come and go faster than elements are taken may be left out; what is told last is so. Ends when the directory of all VMs is removed.
    /// </summary>
    /// <exception cref="MicroVmException"><see cref="ErrorIds.WatchLimitReached"/>: the user has no inotify watch left for a VM.</exception>
    public IAsyncEnumerable<MachineChange> WatchAsync(CancellationToken cancellationToken) => MachineMonitor.WatchAsync(_context, cancellationToken);

    /// <summary>Begins to watch, for <see cref="MachineEvents"/>.</summary>
    internal MachineMonitor Monitor() => new(_context);

    /// <summary>
    /// Runs a command in a guest and hands on its output as it comes, both streams. Cancelling ends the command with all its processes. While
    /// <paramref name="take"/> does not return, no more is read, and a command that writes much has to wait.
    /// </summary>
    public Task<GuestCommandEnd> RunCommandAsync(
        Guid id, GuestCommand command, Func<GuestOutput, Task> take, IOperationObserver observer, CancellationToken cancellationToken) =>
        CommandPlan.RunAsync(_context, id, command, take, observer, cancellationToken);

    /// <summary>Takes a snapshot of a running or paused VM and leaves the VM as it was. A null name makes one from the time.</summary>
    public Task<Snapshot> SaveSnapshotAsync(Guid vmId, string? name, string? description, IOperationObserver observer, CancellationToken cancellationToken) =>
        SavePlan.SaveAsync(_context, vmId, name, description, observer, cancellationToken);

    /// <summary>All snapshots, by VM and age. A damaged one is listed with its status.</summary>
    public IEnumerable<Snapshot> GetSnapshots() => SnapshotList.All(_context)
        .OrderBy(snapshot => snapshot.VMName, StringComparer.OrdinalIgnoreCase)
        .ThenBy(snapshot => snapshot.CreatedAt);

    /// <summary>Gives a snapshot another name.</summary>
    public Task<Snapshot> RenameSnapshotAsync(Guid snapshotId, string newName, CancellationToken cancellationToken) =>
        Task.Run(() => SnapshotNames.Rename(_context, snapshotId, newName), cancellationToken);

    /// <summary>Removes a snapshot. While VMs run whose memory comes from it that is refused unless <paramref name="force"/>; they run on then.</summary>
    public Task RemoveSnapshotAsync(Guid snapshotId, bool force, CancellationToken cancellationToken) =>
        Task.Run(() => RemoveSnapshotPlan.Remove(_context, snapshotId, force), cancellationToken);

    /// <summary>Checks a snapshot against its manifest, all digests included, and against this host.</summary>
    public Task<SnapshotReport> TestSnapshotAsync(Guid snapshotId, IOperationObserver observer, CancellationToken cancellationToken) =>
        TestSnapshotPlan.TestAsync(_context, snapshotId, observer, cancellationToken);

    /// <summary>Restores a snapshot, in place or as a clone; returns once the VM runs (or stands paused, if asked).</summary>
    public Task<VirtualMachine> RestoreAsync(Guid snapshotId, RestoreOptions options, IOperationObserver observer, CancellationToken cancellationToken)
    {
        RequireKeeper(options.Ephemeral);
        return KeptAsync(RestorePlan.RestoreAsync(_context, snapshotId, options, observer, cancellationToken), observer);
    }

    /// <summary>Captures a VM, so that copies can be made of it as it is now; it is left as it was.</summary>
    public Task<MachineFork> ForkAsync(Guid id, IOperationObserver observer, CancellationToken cancellationToken) =>
        ForkPlan.ForkAsync(_context, id, observer, cancellationToken);

    /// <summary>Makes a copy of a VM that was captured; returns once it runs (or stands paused or stopped, if asked). Several may be made at once.</summary>
    public Task<VirtualMachine> CopyAsync(MachineFork fork, string name, CopyOptions options, IOperationObserver observer, CancellationToken cancellationToken)
    {
        RequireKeeper(options.Ephemeral);
        return KeptAsync(ForkPlan.CopyAsync(fork, name, options, observer, cancellationToken), observer);
    }

    /// <summary>Sets the clock of a running VM's guest to the host's.</summary>
    public Task<MachineFixup> SyncClockAsync(Guid id, IOperationObserver observer, CancellationToken cancellationToken) =>
        GuestSyncPlan.SyncClockAsync(_context, id, observer, cancellationToken);

    /// <summary>Mixes random bytes of the host into the kernel of a running VM's guest, and forces it to use them from now on.</summary>
    public Task<MachineFixup> UpdateEntropyAsync(Guid id, IOperationObserver observer, CancellationToken cancellationToken) =>
        GuestSyncPlan.UpdateEntropyAsync(_context, id, observer, cancellationToken);

    /// <summary>The lines of a VM's log: the last <paramref name="tail"/> (null means all), then, with <paramref name="follow"/>, each new one until the VM
    /// ends or the token is cancelled. Lines come raw: a front end that shows them must neutralise control characters.</summary>
    public IAsyncEnumerable<string> ReadLogAsync(Guid id, LogSource source, int? tail, bool follow, CancellationToken cancellationToken)
    {
        MachineRecord record = _context.Machines.Read(id) ?? throw EngineContext.NotFound(id);
        string path = source == LogSource.Serial ? _context.Machines.SerialLogOf(id) : _context.Machines.VmmLogOf(id);
        return LogFile.ReadLinesAsync(path, tail, follow ? record.Run?.Process : null, cancellationToken);
    }

    /// <summary>
    /// Copies a file or directory of the host into the guest of a running VM: with modes and times, checked by digests, each file whole or not at all. Owner and
    /// group are those of the guest's agent.
    /// </summary>
    public Task<GuestCopyResult> CopyToGuestAsync(Guid id, GuestCopy copy, IOperationObserver observer, CancellationToken cancellationToken) =>
        CopyPlan.ToGuestAsync(_context, id, copy, observer, cancellationToken);

    /// <summary>Copies a file or directory of the guest of a running VM to the host, as <see cref="CopyToGuestAsync"/> does the other way.</summary>
    public Task<GuestCopyResult> CopyFromGuestAsync(Guid id, GuestCopy copy, IOperationObserver observer, CancellationToken cancellationToken) =>
        CopyPlan.FromGuestAsync(_context, id, copy, observer, cancellationToken);

    /// <summary>Installs an image that the engine knows how to make ("base"); <paramref name="force"/> replaces an installed one.</summary>
    public Task<GuestImage> InstallImageAsync(string name, bool force, IOperationObserver observer, CancellationToken cancellationToken) =>
        ImagePlan.InstallAsync(_context, name, force, observer, cancellationToken);

    /// <summary>The names of the images <see cref="InstallImageAsync"/> can make.</summary>
    public static IReadOnlyList<string> InstallableImages => ["base"];

    /// <summary>All installed images.</summary>
    public IEnumerable<GuestImage> GetImages() => _context.Images.List();

    /// <summary>Removes an image; refused while a VM or a snapshot was made from it, unless <paramref name="force"/>.</summary>
    public Task RemoveImageAsync(string name, bool force, CancellationToken cancellationToken) =>
        ImagePlan.RemoveAsync(_context, name, force, cancellationToken);

    /// <summary>
    /// What crashes have left, as found; nothing is changed, and what somebody is at work on is passed over. <see cref="RepairAsync"/> puts it right.
    /// </summary>
    public IEnumerable<RepairAction> FindRepairs() => RepairPlan.Find(_context);

    /// <summary>Puts right one of <see cref="FindRepairs"/>, after looking at it again, and says what became of it.</summary>
    public Task<RepairAction> RepairAsync(RepairAction found, IOperationObserver observer, CancellationToken cancellationToken) =>
        RepairPlan.RepairAsync(_context, found, observer, cancellationToken);

    /// <summary>The VMMs that are installed.</summary>
    public Task<IReadOnlyList<Hypervisor>> GetHypervisorsAsync(CancellationToken cancellationToken) => HypervisorList.InstalledAsync(_context, cancellationToken);

    /// <summary>The VMM that a program is, beside those that are installed.</summary>
    public Task<Hypervisor> GetHypervisorAsync(HypervisorKind kind, string path, CancellationToken cancellationToken) =>
        HypervisorList.AtAsync(_context, kind, path, cancellationToken);

    /// <summary>Checks the host; each check is yielded as it is made.</summary>
    public IEnumerable<HostCheck> TestHost() => HostChecks.All(_context, _keeper);

    private static bool IsKept(VirtualMachine machine) => machine.ProcessId is not null || machine.IsEphemeral;

    // Not before the record says that the VM runs: a keeper that is about to end, for want of VMs, looks at the records once more.
    private async Task<VirtualMachine> KeptAsync(Task<VirtualMachine> operation, IOperationObserver observer)
    {
        VirtualMachine machine = await operation;
        if (IsKept(machine) && _keeper.Ensure() is { } failure)
        {
            observer.Warning($"The keeper could not be started: {failure}");
        }

        return machine;
    }

    private void RequireKeeper(bool isEphemeral)
    {
        if (isEphemeral && _keeper.WhyNone is { } reason)
        {
            throw new MicroVmException(ErrorIds.KeeperUnavailable, ErrorKind.NotSupported, $"An ephemeral VM needs a keeper to remove it, and there is none. {reason}")
            {
                RecommendedAction = "Remove the VM yourself, in a finally block; or run the module in pwsh without MICROVM_KEEPER=Off.",
            };
        }
    }
}
