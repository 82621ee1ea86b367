using MicroVm.Engine.Errors;
using MicroVm.Engine.Native;
using MicroVm.Engine.State;
using MicroVm.Engine.Storage;
using MicroVm.Engine.Vmm;

namespace MicroVm.Engine.Machines;

/// <summary>Creates VMs and boots them.</summary>
internal static class BootPlan
{
    /// <summary>Creates a VM and, if asked, boots it.</summary>
    public static async Task<VirtualMachine> CreateAsync(
        EngineContext context, VirtualMachineSpec spec, bool start, IOperationObserver observer, CancellationToken cancellationToken)
    {
        string name = spec.Name ?? SpecRules.MakeName();
        IVmmDriver driver = context.DriverOf(spec.Hypervisor);
        SpecRules.Check(spec, driver.Capabilities);
        string? hypervisorPath = spec.HypervisorPath is { } chosen ? Path.GetFullPath(chosen) : null;
        if (hypervisorPath is not null)
        {
            await VmmVersions.CheckChosenAsync(context, driver, hypervisorPath, cancellationToken);
        }

        if (context.Names.Find(name) is { } holder && context.Machines.Read(holder) is { IsBeingMade: false } other && NameClaims.AreSame(other.Name, name))
        {
            // The claim below decides; this spares the installation of an image for nothing.
            throw NameClaims.Taken(name);
        }

        IReadOnlyList<MachineInterface> interfaces = InterfaceChoice.Of(context, spec.Interfaces);
        (BootSource boot, long diskBytes) = await BootSources.ResolveAsync(context, spec, name, interfaces, observer, cancellationToken);
        PhaseTimer timer = new(observer, $"New {name}");
        MachineRecord record = new()
        {
            Version = MachineRecord.CurrentVersion,
            Id = Guid.NewGuid(),
            Name = name,
            Description = MachineLabels.CheckDescription(spec.Description),
            Tags = MachineLabels.CheckTags(spec.Tags),
            CreatedAt = DateTimeOffset.Now,
            Hardware = InterfacePorts.Arrange(new MachineHardware
            {
                Hypervisor = driver.Kind,
                HypervisorPath = hypervisorPath,
                Accelerator = spec.Accelerator,
                CpuCount = spec.CpuCount,
                MemoryBytes = spec.MemoryBytes,
                DiskBytes = diskBytes,
                HasAgentPort = true,
                HotPlugPorts = driver.Capabilities.CanHotPlugInterfaces ? 1 : 0,
                Interfaces = interfaces,
            }),
            Network = interfaces.Count == 0 ? null : new MachineNetwork { PublishedPorts = spec.PublishedPorts, Egress = spec.Egress ?? EgressPolicy.Default },
            Boot = boot,
            State = VmState.Stopped,
            OverlayDisk = diskBytes > 0 ? "overlay.raw" : null,
            OwnerProcess = spec.Ephemeral ? ProcessIdentity.Self : null,
        };
        return await MakeAsync(context, record, "New-MicroVm", FillAsync, start, timer, observer, cancellationToken);

        async Task FillAsync(string directory, CancellationToken token)
        {
            if (record.OverlayDisk is { } overlay)
            {
                await OverlayDisk.CreateAsync(context.Paths, Path.Combine(directory, overlay), diskBytes, token);
                timer.Mark("disk");
                Failpoint.Reach(Failpoints.CreateDisk);
            }

            if (boot.HasConfigurationDisk)
            {
                string path = Path.Combine(directory, BootSource.ConfigurationFile);
                ConfigurationDisk.Create(path, record.Id, boot.Hostname!, spec.AuthorizedKeys, spec.UserData, interfaces);
                timer.Mark("configuration");
                Failpoint.Reach(Failpoints.CreateConfiguration);
            }
        }
    }

    /// <summary>Makes a VM and, if asked, boots it.</summary>
    /// <param name="context">The engine.</param>
    /// <param name="record">The VM.</param>
    /// <param name="operation">Whose work it is, for those who meet its lock.</param>
    /// <param name="fill">Puts its disks into its directory.</param>
    /// <param name="start">Whether it boots.</param>
    /// <param name="timer">Takes the durations.</param>
    /// <param name="observer">Hears of warnings.</param>
    /// <param name="cancellationToken">Undoes what was made.</param>
    public static async Task<VirtualMachine> MakeAsync(
        EngineContext context,
        MachineRecord record,
        string operation,
        Func<string, CancellationToken, Task> fill,
        bool start,
        PhaseTimer timer,
        IOperationObserver observer,
        CancellationToken cancellationToken)
    {
        UndoStack undo = new();
        LockedMachine? machine = null;
        EndRequest? request = null;
        try
        {
            machine = await ClaimAsync(context, record with { IsBeingMade = true }, operation, undo);
            request = EndRequest.Watch(machine.Directory, record.Name, cancellationToken);
            timer.Mark("claim");
            Failpoint.Reach(Failpoints.ClaimNamed);
            await fill(machine.Directory, request.Token);
            Task settled = context.Machines.SettleAsync(record.Id, record.Files);
            if (start)
            {
                await BootAsync(context, machine, settled, undo, timer, observer, request.Token);
            }
            else
            {
                await settled;
                machine.Save(machine.Record with { IsBeingMade = false });
            }

            undo.Commit();
            timer.Done();
            return machine.View;
        }
        catch (Exception exception)
        {
            await undo.RollBackAsync(observer);
            throw StorageErrors.WrapOrSame(request?.Explain(exception) ?? exception, context.Paths.DataDirectory);
        }
        finally
        {
            request?.Dispose();
            // Not before it is undone: its record is there to be found until then.
            machine?.Dispose();
        }
    }

    /// <summary>Boots a VM that has no VMM.</summary>
    public static async Task<VirtualMachine> StartAsync(EngineContext context, Guid id, IOperationObserver observer, CancellationToken cancellationToken)
    {
        using LockedMachine machine = await context.OpenAsync(id, "Start-MicroVm");
        machine.Require("start", VmState.Stopped, VmState.Failed);
        CheckSource(context, machine.Record, observer);
        PhaseTimer timer = new(observer, $"Start {machine.Record.Name}");
        await StartAsync(context, machine, timer, observer, cancellationToken);
        timer.Done();
        return machine.View;
    }

    /// <summary>Stops a VM and boots it again, and lets nobody in between. A VM that does not stop runs on.</summary>
    public static async Task<VirtualMachine> RestartAsync(
        EngineContext context, Guid id, StopMode mode, TimeSpan timeout, IOperationObserver observer, CancellationToken cancellationToken)
    {
        using LockedMachine machine = await context.OpenAsync(id, "Restart-MicroVm");
        machine.Require("restart", VmState.Running, VmState.Paused, VmState.Unknown);

        // Before it is stopped: what cannot boot is better left running.
        CheckSource(context, machine.Record, observer);
        _ = machine.Driver.FindProgram(machine.Record.Hardware.HypervisorPath);
        PhaseTimer timer = new(observer, $"Restart {machine.Record.Name}");
        await StopPlan.StopAsync(context, machine, machine.Record.Run!, mode, timeout, timer, observer, cancellationToken);
        await StartAsync(context, machine, timer, observer, cancellationToken);
        timer.Done();
        return machine.View;
    }

    private static void CheckSource(EngineContext context, MachineRecord record, IOperationObserver observer)
    {
        SpecRules.CheckFiles(record.Boot);
        if (record.Boot.Image is { } image && context.Images.Get(image).Image.Digest != record.Boot.ImageDigest)
        {
            observer.Warning($"Image '{image}' was replaced since VM '{record.Name}' was made; the VM boots the new one.");
        }
    }

    // Boots a VM that the caller holds, or leaves it as it was.
    private static async Task StartAsync(
        EngineContext context, LockedMachine machine, PhaseTimer timer, IOperationObserver observer, CancellationToken cancellationToken)
    {
        UndoStack undo = new();
        MachineRecord before = machine.Record;
        using EndRequest request = EndRequest.Watch(machine.Directory, before.Name, cancellationToken);
        try
        {
            await BootAsync(context, machine, Task.CompletedTask, undo, timer, observer, request.Token);
            undo.Commit();
        }
        catch (Exception exception)
        {
            await undo.RollBackAsync(observer);
            machine.TrySave(before, observer);
            throw StorageErrors.WrapOrSame(request.Explain(exception), context.Paths.DataDirectory);
        }
    }

    /// <summary>Makes the directory, lock and name of a new VM.</summary>
    public static async Task<LockedMachine> ClaimAsync(EngineContext context, MachineRecord record, string operation, UndoStack undo)
    {
        await FreeAsync(context, record.Name, operation);
        LockedMachine machine = LockedMachine.Create(context, record, operation);
        undo.Push($"directory {machine.Directory}", () => context.Machines.Delete(record.Id));
        try
        {
            Failpoint.Reach(Failpoints.ClaimPlaced);
            context.Names.Claim(record.Name, record.Id);
        }
        catch
        {
            machine.Dispose();
            throw;
        }

        undo.Push($"name {record.Name}", () => context.Names.Release(record.Name, record.Id));
        try
        {
            machine.Take(NetworkClaiming.Claim(context, record, undo));
        }
        catch
        {
            machine.Dispose();
            throw;
        }

        return machine;
    }

    // What was never finished keeps no name from anybody.
    private static async Task FreeAsync(EngineContext context, string name, string operation)
    {
        try
        {
            if (context.Names.Find(name) is { } holder && context.Machines.Read(holder) is { IsBeingMade: true })
            {
                await UnfinishedMachine.RemoveAsync(context, holder, operation);
            }
        }
        catch (MicroVmException exception) when (exception.ErrorId is ErrorIds.MicroVmBusy or ErrorIds.MicroVmNotFound or ErrorIds.StateCorrupt)
        {
            // Somebody is making it, or it is gone: the claim says which.
        }
    }

    // What is recorded has to be durable: settled says when.
    private static async Task BootAsync(
        EngineContext context,
        LockedMachine machine,
        Task settled,
        UndoStack undo,
        PhaseTimer timer,
        IOperationObserver observer,
        CancellationToken cancellationToken)
    {
        if (machine.Record.Hardware.MemoryBytes > HostMemory.AvailableBytes)
        {
            observer.Warning($"VM '{machine.Record.Name}' may use more memory than the host has left; the host may end it.");
        }

        machine.Take(InterfacePorts.Arrange(machine.Record.Hardware));
        using MachineLinks links = MachineLinks.Raise(context, machine.Record, undo, cancellationToken);
        Failpoint.Reach(Failpoints.LinksRaised);
        links.Attach(observer);
        timer.Mark("network");
        Failpoint.Reach(Failpoints.LinksAttached);
        MachineLauncher.Launched launched = await MachineLauncher.BootAsync(context, machine, links, undo, observer, cancellationToken);
        await using (launched.Connection)
        {
            timer.Mark("launch");
            Failpoint.Reach(Failpoints.LaunchConnected);
            await settled;
            timer.Mark("durable");
            machine.Save(machine.Record with
            {
                State = VmState.Running,
                StatusDetail = null,
                RestoredFromSnapshotId = null,
                Run = launched.Run,
                PendingRunDirectory = null,
                IsBeingMade = false,
            });
            timer.Mark("record");
            Failpoint.Reach(Failpoints.BootRecorded);
        }
    }
}
