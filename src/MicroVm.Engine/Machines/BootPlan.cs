using MicroVm.Engine.Errors;
using MicroVm.Engine.Native;
using MicroVm.Engine.State;
using MicroVm.Engine.Storage;

namespace MicroVm.Engine.Machines;

/// <summary>Creates VMs and boots them.</summary>
internal static class BootPlan
{
    /// <summary>The image that is used, and made on first use, when none is named.</summary>
    public const string DefaultImage = "base";

    private const long DefaultDiskBytes = 8L << 30;

    /// <summary>Creates a VM and, if asked, boots it.</summary>
    public static async Task<VirtualMachine> CreateAsync(
        EngineContext context, VirtualMachineSpec spec, bool start, IOperationObserver observer, CancellationToken cancellationToken)
    {
        string name = spec.Name ?? SpecRules.MakeName();
        SpecRules.Check(spec, context.DriverOf(spec.Hypervisor).Capabilities);
        if (context.Names.Find(name) is { } holder && context.Machines.Read(holder) is not null)
        {
            // The claim below decides; this spares the installation of an image for nothing.
            throw NameClaims.Taken(name);
        }

        (BootSource boot, long diskBytes) = await ResolveAsync(context, spec, name, observer, cancellationToken);
        PhaseTimer timer = new(observer, $"New {name}");
        MachineRecord record = new()
        {
            Version = MachineRecord.CurrentVersion,
            Id = Guid.NewGuid(),
            Name = name,
            CreatedAt = DateTimeOffset.Now,
            Hardware = new MachineHardware
            {
                Hypervisor = context.DriverOf(spec.Hypervisor).Kind,
                Accelerator = spec.Accelerator,
                CpuCount = spec.CpuCount,
                MemoryBytes = spec.MemoryBytes,
                DiskBytes = diskBytes,
                HasAgentPort = true,
            },
            Boot = boot,
            State = VmState.Stopped,
            OverlayDisk = diskBytes > 0 ? "overlay.raw" : null,
        };
        UndoStack undo = new();
        LockedMachine? machine = null;
        try
        {
            machine = Claim(context, record, "New-MicroVm", undo);
            timer.Mark("claim");
            if (record.OverlayDisk is { } overlay)
            {
                await OverlayDisk.CreateAsync(context.Paths, Path.Combine(machine.Directory, overlay), diskBytes, cancellationToken);
                timer.Mark("disk");
            }

            if (start)
            {
                await BootAsync(context, machine, undo, timer, observer, cancellationToken);
            }
            else
            {
                machine.Save(record);
            }

            undo.Commit();
            timer.Done();
            return machine.View;
        }
        catch (Exception exception)
        {
            await undo.RollBackAsync(observer);
            throw StorageErrors.WrapOrSame(exception, context.Paths.DataDirectory);
        }
        finally
        {
            // Not before it is undone: its record is there to be found until then.
            machine?.Dispose();
        }
    }

    /// <summary>Boots a VM that has no VMM.</summary>
    public static async Task<VirtualMachine> StartAsync(EngineContext context, Guid id, IOperationObserver observer, CancellationToken cancellationToken)
    {
        using LockedMachine machine = await context.OpenAsync(id, "Start-MicroVm");
        machine.Require("start", VmState.Stopped, VmState.Failed);
        BootSource boot = machine.Record.Boot;
        SpecRules.CheckFiles(boot);
        if (boot.Image is { } image && context.Images.Get(image).Image.Digest != boot.ImageDigest)
        {
            observer.Warning($"Image '{image}' was replaced since VM '{machine.Record.Name}' was made; the VM boots the new one.");
        }

        UndoStack undo = new();
        PhaseTimer timer = new(observer, $"Start {machine.Record.Name}");
        MachineRecord before = machine.Record;
        try
        {
            await BootAsync(context, machine, undo, timer, observer, cancellationToken);
            undo.Commit();
            timer.Done();
            return machine.View;
        }
        catch (Exception exception)
        {
            await undo.RollBackAsync(observer);
            machine.TrySave(before, observer);
            throw StorageErrors.WrapOrSame(exception, context.Paths.DataDirectory);
        }
    }

    /// <summary>Makes the directory, lock and name of a new VM.</summary>
    public static LockedMachine Claim(EngineContext context, MachineRecord record, string operation, UndoStack undo)
    {
        string directory = context.Machines.DirectoryOf(record.Id);
        MachineStore.MakeDirectory(directory);
        undo.Push($"directory {directory}", () => context.Machines.Delete(record.Id));
        LockedMachine machine = LockedMachine.Create(context, record, operation);
        try
        {
            context.Names.Claim(record.Name, record.Id);
        }
        catch
        {
            machine.Dispose();
            throw;
        }

        undo.Push($"name {record.Name}", () => context.Names.Release(record.Name, record.Id));
        return machine;
    }

    private static async Task BootAsync(
        EngineContext context, LockedMachine machine, UndoStack undo, PhaseTimer timer, IOperationObserver observer, CancellationToken cancellationToken)
    {
        if (machine.Record.Hardware.MemoryBytes > HostMemory.AvailableBytes)
        {
            observer.Warning($"VM '{machine.Record.Name}' may use more memory than the host has left; the host may end it.");
        }

        MachineLauncher.Launched launched = await MachineLauncher.BootAsync(context, machine, undo, observer, cancellationToken);
        await using (launched.Connection)
        {
            timer.Mark("launch");
            machine.Save(machine.Record with
            {
                State = VmState.Running,
                StatusDetail = null,
                RestoredFromSnapshotId = null,
                Run = launched.Run,
                PendingRunDirectory = null,
            });
            timer.Mark("record");
        }
    }

    private static async Task<Resolved> ResolveAsync(
        EngineContext context, VirtualMachineSpec spec, string vmName, IOperationObserver observer, CancellationToken cancellationToken)
    {
        if (spec.KernelPath is { } kernel)
        {
            return spec.Image is null
                ? new Resolved(FromFiles(spec, kernel), spec.DiskBytes ?? 0)
                : throw new MicroVmException(ErrorIds.InvalidMicroVmSpec, ErrorKind.InvalidArgument, "Give an image or a kernel, not both.") { Target = spec.Image };
        }

        string name = spec.Image ?? DefaultImage;
        if (name.Equals(DefaultImage, StringComparison.OrdinalIgnoreCase) && !context.Images.Exists(DefaultImage))
        {
            await BaseImageBuilder.BuildAsync(context.Images, IfInstalled.Keep, observer, cancellationToken);
        }

        (GuestImage image, ImageManifest manifest) = context.Images.Get(name);
        SpecRules.CheckMemory(spec.MemoryBytes, image.MinimumMemoryBytes, $"image '{image.Name}'");
        long diskBytes = spec.DiskBytes ?? (manifest.UsesOverlayDisk ? DefaultDiskBytes : 0);
        List<string> arguments = [.. manifest.KernelArguments];
        if (manifest.UsesOverlayDisk && diskBytes > 0)
        {
            arguments.Add(GuestContract.OverlayArgument);
        }

        if (manifest.UsesOverlayDisk)
        {
            arguments.Add(GuestContract.HostNameArgument + vmName);
            if (manifest.RootDisk is not null)
            {
                arguments.Add(GuestContract.RootArgument);
            }
        }

        BootSource boot = new()
        {
            Image = image.Name,
            ImageDigest = image.Digest,
            KernelPath = image.KernelPath,
            InitramfsPath = image.InitramfsPath,
            RootDiskPath = image.RootDiskPath,
            KernelArguments = [.. arguments, .. spec.KernelArguments],
            ReadyMarker = manifest.ReadyMarker,
        };
        return new Resolved(boot, diskBytes);
    }

    private static BootSource FromFiles(VirtualMachineSpec spec, string kernel) => new()
    {
        KernelPath = SpecRules.CheckFile(kernel, "kernel"),
        InitramfsPath = spec.InitramfsPath is { } initramfs ? SpecRules.CheckFile(initramfs, "initramfs") : null,
        RootDiskPath = spec.RootDiskPath is { } root ? SpecRules.CheckFile(root, "root disk") : null,
        KernelArguments = ["console=ttyS0", "panic=-1", .. spec.KernelArguments],
    };

    private sealed record Resolved(BootSource Boot, long DiskBytes);
}
