using MicroVm.Engine.Machines;
using MicroVm.Engine.Native;
using MicroVm.Engine.Network;
using MicroVm.Engine.Snapshots;
using MicroVm.Engine.State;
using MicroVm.Engine.Tests.RealQemu;
using MicroVm.Engine.Tests.Support;
using MicroVm.Engine.Vmm;

namespace MicroVm.Engine.Tests.Faults;

/// <summary>A home whose VMs have real VMMs and guests that halt, with a snapshot of one.</summary>
public sealed class FaultHome : IAsyncLifetime
{
    private readonly Scratch _scratch = new();
    private IReadOnlyList<string> _before = [];
    private TestNetwork? _network;

    public string Path => _scratch.Path;

    public MicroVmEngine Engine { get; private set; } = null!;

    /// <summary>Where other processes find the network namespace that is the host's; "" when VMs have no network.</summary>
    public string NetworkPath => _network?.Host.Path ?? "";

    public Snapshot Golden { get; private set; } = null!;

    internal EngineContext Context { get; private set; } = null!;

    public async Task InitializeAsync()
    {
        if (Host.WhyNoQemu is not null)
        {
            return;
        }

        HaltingKernel.Write(FaultVerbs.KernelIn(Path));
        _network = FaultVerbs.HasNetwork ? new TestNetwork() : null;
        Context = new EngineContext(_scratch.Paths, hostNetwork: _network?.Host.Network);
        Engine = new MicroVmEngine(Context);
        VirtualMachine origin = await RunningAsync();
        Golden = await Engine.SaveSnapshotAsync(origin.Id, "golden", null, NullObserver.Instance, CancellationToken.None);
        await Engine.RemoveAsync(origin.Id, force: true, NullObserver.Instance, CancellationToken.None);
        // What is made on first use is there then.
        VirtualMachine clone = await Engine.RestoreAsync(Golden.SnapshotId, new RestoreOptions { NewName = "first" }, NullObserver.Instance, CancellationToken.None);
        await Engine.RemoveAsync(clone.Id, force: true, NullObserver.Instance, CancellationToken.None);
        _before = Inventory();
    }

    public Task DisposeAsync()
    {
        _scratch.Dispose();
        _network?.Dispose();
        return Task.CompletedTask;
    }

    /// <summary>Makes what a verb is about.</summary>
    /// <returns>The id of that VM or snapshot.</returns>
    public async Task<Guid> PrepareAsync(string verb)
    {
        switch (verb)
        {
            case "create":
                return Guid.Empty;
            case "clone":
                return Golden.SnapshotId;
            case "start":
                return (await StoppedAsync()).Id;
            default:
                VirtualMachine machine = await RunningAsync();
                if (verb == "resume")
                {
                    await Engine.SuspendAsync(machine.Id, NullObserver.Instance, CancellationToken.None);
                }

                return verb is "restore" or "remove-snapshot"
                    ? (await Engine.SaveSnapshotAsync(machine.Id, "before", null, NullObserver.Instance, CancellationToken.None)).SnapshotId
                    : machine.Id;
        }
    }

    /// <summary>Holds what is listed against what is.</summary>
    public async Task AssertListedAsItIsAsync()
    {
        foreach (VirtualMachine machine in Engine.GetMachines().ToArray())
        {
            switch (machine.State)
            {
                case VmState.Running or VmState.Paused:
                    MachineRecord record = Context.Machines.Read(machine.Id)!;
                    IVmmConnection connection = await Context.DriverOf(machine.Hypervisor).ConnectAsync(record.Run!.RunDirectory, CancellationToken.None);
                    await using (connection)
                    {
                        VmmStatus status = await connection.GetStatusAsync(CancellationToken.None);
                        Assert.Equal(machine.State == VmState.Running ? VmmStatus.Running : VmmStatus.Paused, status);
                    }

                    break;
                case VmState.Unknown:
                    Assert.Contains("interrupted", machine.StatusDetail, StringComparison.Ordinal);
                    Assert.NotNull(ProcessIdentity.Of(machine.ProcessId!.Value));
                    break;
                default:
                    Assert.Contains(machine.State, (VmState[])[VmState.Stopped, VmState.Failed]);
                    Assert.Null(machine.ProcessId);
                    break;
            }
        }

        foreach (Snapshot snapshot in Engine.GetSnapshots().ToArray())
        {
            Assert.Equal("Ok", snapshot.Status);
            SnapshotManifest manifest = Context.Snapshots.Read(snapshot.SnapshotId)!;
            SnapshotChecks.CheckFiles(manifest, snapshot.Path);
            await SnapshotChecks.CheckDeviceStateAsync(manifest, snapshot.Path, CancellationToken.None);
        }
    }

    /// <summary>Repairs, and looks that nothing is left to repair.</summary>
    public async Task<IReadOnlyList<RepairAction>> RepairAsync()
    {
        List<RepairAction> done = [];
        foreach (RepairAction found in Engine.FindRepairs())
        {
            RepairAction result = await Engine.RepairAsync(found, NullObserver.Instance, CancellationToken.None);
            Assert.True(result.Result is RepairResult.Done or RepairResult.Gone, $"{result}");
            done.Add(result);
        }

        Assert.Empty(Engine.FindRepairs());
        return done;
    }

    /// <summary>Removes what is listed and holds what is left against what was there at the beginning.</summary>
    public async Task AssertNothingLeftAsync()
    {
        foreach (VirtualMachine machine in Engine.GetMachines().ToArray())
        {
            await Engine.RemoveAsync(machine.Id, force: true, NullObserver.Instance, CancellationToken.None);
        }

        foreach (Snapshot snapshot in Engine.GetSnapshots().Where(snapshot => snapshot.SnapshotId != Golden.SnapshotId).ToArray())
        {
            await Engine.RemoveSnapshotAsync(snapshot.SnapshotId, force: true, CancellationToken.None);
        }

        AwaitLinks();
        Assert.Equal(_before, Inventory());
    }

    /// <summary>Waits until the kernel has taken away the links of VMMs that are gone.</summary>
    public void AwaitLinks() => Assert.True(
        SpinWait.SpinUntil(() => Links().Count <= Scratch.ProgramsOf(Path).Count, Limits.Generous), $"Links are left: {string.Join(", ", Links())}");

    /// <summary>Takes away what a test that failed has left, so that the next one does not fail for it.</summary>
    public void Reset()
    {
        if (_before.SequenceEqual(Inventory()))
        {
            return;
        }

        _network?.Host.Network.Run(Firewall.RemoveAll);

        foreach (Scratch.RunningProgram program in Scratch.ProgramsOf(Path))
        {
            using ProcessDescriptor? process = ProcessDescriptor.TryOpen(program.ProcessId);
            process?.Signal(Signals.Kill);
            process?.WaitForEnd(Limits.Generous, CancellationToken.None);
        }

        foreach (string entry in Inventory().Except(_before).Where(entry => System.IO.Path.Exists(entry) || new FileInfo(entry).LinkTarget is not null))
        {
            if (Directory.Exists(entry) && new FileInfo(entry).LinkTarget is null)
            {
                Directory.Delete(entry, recursive: true);
            }
            else
            {
                File.Delete(entry);
            }
        }
    }

    /// <summary>A VM that runs.</summary>
    public async Task<VirtualMachine> RunningAsync() =>
        await Engine.StartAsync((await StoppedAsync()).Id, NullObserver.Instance, CancellationToken.None);

    /// <summary>All processes, mounts and files of the home.</summary>
    public IReadOnlyList<string> Inventory() =>
    [
        .. QemuHome.Inventory(Path).Where(item => !item.StartsWith("entry", StringComparison.Ordinal)),
        .. NetworkInventory(),
        .. Directory.EnumerateFileSystemEntries(Path, "*", new EnumerationOptions { RecurseSubdirectories = true, AttributesToSkip = FileAttributes.None })
            .Where(entry => !entry.EndsWith("lock", StringComparison.Ordinal))
            .Order(StringComparer.Ordinal),
    ];

    private IReadOnlyList<string> Links() => _network?.Host.Network.Run(sockets => HostRoutes.Devices(sockets).Values
        .Where(name => name.StartsWith(SlotConstants.LinkPrefix, StringComparison.Ordinal)).ToArray()) ?? [];

    private IEnumerable<string> NetworkInventory()
    {
        if (_network is null)
        {
            return [];
        }

        FirewallContents contents = _network.Host.Network.Run(Firewall.List);
        IEnumerable<string> routes = _network.Host.Network.Run(HostRoutes.List).Where(route => route.Device?.StartsWith(SlotConstants.LinkPrefix, StringComparison.Ordinal) == true).Select(route => $"route {route}");
        return
        [
            .. Links().Select(link => $"link {link}"),
            .. routes,
            .. contents.Links.Select(link => $"entry {link}"),
            .. contents.Ports.Select(port => $"open {port}"),
            .. contents.PolicyChains.Select(chain => $"chain {chain}"),
        ];
    }

    private async Task<VirtualMachine> StoppedAsync()
    {
        VirtualMachine machine = await Engine.CreateAsync(FaultVerbs.Spec(Path), start: false, NullObserver.Instance, CancellationToken.None);
        // Nobody is to wait for an agent.
        MachineRecord record = Context.Machines.Read(machine.Id)!;
        Context.Machines.Write(record with { Hardware = record.Hardware with { HasAgentPort = false } });
        return machine;
    }
}
