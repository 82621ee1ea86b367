using Microsoft.Win32.SafeHandles;
using MicroVm.Engine.Errors;
using MicroVm.Engine.Snapshots;
using MicroVm.Engine.State;
using MicroVm.Engine.Storage;
using MicroVm.Engine.Vmm;

namespace MicroVm.Engine.Machines;

/// <summary>Makes VMs go on from snapshots, in place or as clones. A plan of its own, not a boot with parts removed.</summary>
internal static class RestorePlan
{
    /// <summary>Restores a snapshot.</summary>
    public static async Task<VirtualMachine> RestoreAsync(
        EngineContext context, Guid snapshotId, RestoreOptions options, IOperationObserver observer, CancellationToken cancellationToken)
    {
        SnapshotManifest manifest = context.Snapshots.Read(snapshotId) ?? throw SnapshotStore.NotFound(snapshotId);
        if (options.NewName is { } name)
        {
            NameRule.Check(name, "VM");
        }

        if (options is { PublishedPorts: not null, NewName: null })
        {
            throw new MicroVmException(ErrorIds.InvalidMicroVmSpec, ErrorKind.InvalidArgument, "A VM that is rolled back keeps the ports it publishes; only a clone can be given others.")
            {
                RecommendedAction = "Give the clone a name: -NewName. Publish-MicroVmPort publishes more ports of a VM.",
            };
        }

        NetworkRules.CheckPorts(options.PublishedPorts ?? [], manifest.Hardware.Interfaces.Select(one => one.Mode));
        if (options is { Ephemeral: true, NewName: null })
        {
            throw new MicroVmException(ErrorIds.InvalidMicroVmSpec, ErrorKind.InvalidArgument, "A VM that is rolled back stays what it is; only a clone can be made ephemeral.")
            {
                RecommendedAction = "Give the clone a name: -NewName.",
            };
        }

        try
        {
            return await RestoreAsync(context, manifest, options, observer, cancellationToken);
        }
        catch (Exception exception)
            when (exception is IOException or MicroVmException { ErrorId: ErrorIds.SnapshotCorrupt or ErrorIds.StorageFailed }
                && !Directory.Exists(context.Snapshots.DirectoryOf(snapshotId)))
        {
            // It was removed meanwhile.
            throw SnapshotStore.NotFound(snapshotId);
        }
    }

    private static async Task<VirtualMachine> RestoreAsync(
        EngineContext context, SnapshotManifest manifest, RestoreOptions options, IOperationObserver observer, CancellationToken cancellationToken)
    {
        Guid snapshotId = manifest.Id;
        PhaseTimer timer = new(observer, $"Restore {manifest.MachineName}/{manifest.Name}");
        SnapshotChecks.CheckHost(manifest, await VersionHereAsync(context, manifest, cancellationToken));
        SnapshotChecks.CheckFiles(manifest, context.Snapshots.DirectoryOf(snapshotId));
        await SnapshotChecks.CheckDeviceStateAsync(manifest, context.Snapshots.DirectoryOf(snapshotId), cancellationToken);
        SpecRules.CheckFiles(manifest.Boot);
        timer.Mark("checks");
        Operation operation = new(context, manifest, context.Snapshots.DirectoryOf(snapshotId), options, timer, observer);
        return options.NewName is null ? await operation.InPlaceAsync(cancellationToken) : await operation.CloneAsync(options.NewName, cancellationToken);
    }

    /// <summary>Makes a clone from a capture that was just made here and is no snapshot; nothing about it needs to be checked.</summary>
    /// <param name="context">The engine.</param>
    /// <param name="manifest">What was captured.</param>
    /// <param name="directory">Where its files are.</param>
    /// <param name="options">How it is restored, with a name.</param>
    /// <param name="observer">Hears of phases and warnings.</param>
    /// <param name="cancellationToken">Undoes what was made.</param>
    public static Task<VirtualMachine> CloneAsync(
        EngineContext context, SnapshotManifest manifest, string directory, RestoreOptions options, IOperationObserver observer, CancellationToken cancellationToken)
    {
        PhaseTimer timer = new(observer, $"Copy {manifest.MachineName} to {options.NewName}");
        return new Operation(context, manifest, directory, options, timer, observer).CloneAsync(options.NewName!, cancellationToken);
    }

    private static Task<string> VersionHereAsync(EngineContext context, SnapshotManifest manifest, CancellationToken cancellationToken) =>
        VmmVersions.GetAsync(context, context.DriverOf(manifest.Hardware.Hypervisor), manifest.Hardware.HypervisorPath, cancellationToken);

    private sealed class Operation(
        EngineContext context, SnapshotManifest manifest, string directory, RestoreOptions options, PhaseTimer timer, IOperationObserver observer)
    {
        private readonly UndoStack _undo = new();

        private IReadOnlyList<MachineInterface> FormerInterfaces => manifest.FormerInterfaces ?? manifest.Hardware.Interfaces;

        // Null for a capture that is no snapshot.
        private Guid? SnapshotId => directory == context.Snapshots.DirectoryOf(manifest.Id) ? manifest.Id : null;

        public async Task<VirtualMachine> CloneAsync(string name, CancellationToken cancellationToken)
        {
            MachineRecord record = CloneRecord.Of(manifest, name, options.PublishedPorts ?? [], options.Ephemeral) with { State = VmState.Restoring, RestoredFromSnapshotId = SnapshotId };
            LockedMachine? machine = null;
            EndRequest? request = null;
            try
            {
                machine = await BootPlan.ClaimAsync(context, record with { IsBeingMade = true }, "Restore-MicroVm", _undo);
                request = EndRequest.Watch(machine.Directory, name, cancellationToken);
                timer.Mark("claim");
                Failpoint.Reach(Failpoints.ClaimNamed);
                await RunAsync(machine, record with { Network = machine.Record.Network }, isClone: true, request.Token);
                await PutRightAsync(machine, request.Token);
                Failpoint.Reach(Failpoints.RestoreFixed);
                _undo.Commit();
                CloneRecord.WarnOfPorts(manifest.MachineName, manifest.Network, name, options.PublishedPorts, observer);
                timer.Done();
                return machine.View;
            }
            catch (Exception exception)
            {
                await _undo.RollBackAsync(observer);
                throw StorageErrors.WrapOrSame(request?.Explain(exception) ?? exception, context.Paths.DataDirectory);
            }
            finally
            {
                request?.Dispose();
                // Not before it is undone: its record is there to be found until then.
                machine?.Dispose();
            }
        }

        public async Task<VirtualMachine> InPlaceAsync(CancellationToken cancellationToken)
        {
            if (context.Machines.Read(manifest.MachineId) is null)
            {
                throw new MicroVmException(
                    ErrorIds.MicroVmNotFound, ErrorKind.NotFound, $"VM '{manifest.MachineName}', of which snapshot '{manifest.Name}' was taken, was removed.")
                {
                    Target = manifest.MachineName,
                    RecommendedAction = $"Make a new VM from it: Restore-MicroVm {manifest.Name} -NewName {manifest.MachineName}",
                };
            }

            using LockedMachine machine = await context.OpenAsync(manifest.MachineId, "Restore-MicroVm");
            MachineRecord before = machine.Record;
            foreach (string disk in Directory.EnumerateFiles(machine.Directory, "*.raw").Where(path => Path.GetFileName(path) != before.OverlayDisk))
            {
                // Of a restore that was killed.
                Tidy(disk, File.Delete);
            }

            // Beside the present disk, so that the VM is unharmed until the restored one stands ready.
            MachineRecord record = before with
            {
                Hardware = manifest.Hardware,
                Boot = BootSources.Renamed(manifest.Boot, manifest.MachineName, before.Name),
                OverlayDisk = manifest.Disk is null ? null : $"overlay-{Guid.NewGuid().ToString("N")[..8]}.raw",
            };
            using EndRequest request = EndRequest.Watch(machine.Directory, before.Name, cancellationToken);
            MachineRun? replaced;
            try
            {
                record = record with { Network = NetworkClaiming.Realign(context, before, manifest.Hardware, _undo) };
                replaced = await RunAsync(machine, record, isClone: false, request.Token);
            }
            catch (Exception exception)
            {
                await _undo.RollBackAsync(observer);
                machine.TrySave(before, observer);
                throw StorageErrors.WrapOrSame(request.Explain(exception), machine.Directory);
            }

            // Done: what cannot be put right or tidied up from here on is left as it is, and nothing is undone for it.
            _undo.Commit();
            if (replaced is not null)
            {
                HostFirewall.Detach(context, before, replaced.Links, keepsAddress: KeepsAddress(before, record));
                Tidy(replaced.RunDirectory, path => MachineStore.DeleteDirectory(path));
            }

            NetworkClaiming.ReleaseRest(context, before, record);
            if (before.Network is { PublishedPorts: { Count: > 0 } ports } && record.Network!.PublishedPorts.Count == 0)
            {
                observer.Warning($"VM '{before.Name}' publishes no ports any more: it had no network for them when the snapshot was taken. It published {string.Join(", ", ports)}.");
            }

            if (before.OverlayDisk is { } old)
            {
                Tidy(Path.Combine(machine.Directory, old), File.Delete);
            }

            Failpoint.Reach(Failpoints.RestoreTidied);
            await PutRightAsync(machine, CancellationToken.None);
            Failpoint.Reach(Failpoints.RestoreFixed);
            timer.Done();
            return machine.View;
        }

        private void Tidy(string path, Action<string> delete)
        {
            try
            {
                delete(path);
            }
            catch (Exception exception) when (exception is IOException or UnauthorizedAccessException)
            {
                observer.Warning($"Left behind: {path} ({exception.Message})");
            }
        }

        private DueFixups DueFixups(bool isClone)
        {
            bool newIdentity = isClone || manifest.IdentityDue;
            return new DueFixups
            {
                WorkloadFrozen = manifest.WorkloadFrozen,
                AgentAnswered = manifest.AgentAnswered,
                NewIdentity = newIdentity,
                FormerInterfaces = FormerInterfaces,
                RenewSshHostKeys = options.SshHostKeys is { } policy ? policy == SshHostKeyPolicy.Renew : newIdentity,
                ThawOnly = options.NoFixup,
            };
        }

        private async Task PutRightAsync(LockedMachine machine, CancellationToken cancellationToken)
        {
            if (!options.LeaveSuspended)
            {
                await FixupPlan.RunAsync(context, machine, observer, cancellationToken);
                timer.Mark("fixups");
            }
        }

        private static bool KeepsAddress(MachineRecord before, MachineRecord after) =>
            (before.Network?.Slots ?? []).OfType<int>().All(slot => after.Network?.Slots.Contains(slot) == true);

        // Gives the run that this one took the place of.
        private async Task<MachineRun?> RunAsync(LockedMachine machine, MachineRecord record, bool isClone, CancellationToken cancellationToken)
        {
            ConfigurationDisk.Copy(record.Boot, directory, machine.Directory);
            if (record.OverlayDisk is { } disk)
            {
                string path = Path.Combine(machine.Directory, disk);
                SparseFile.Copy(Path.Combine(directory, SnapshotStore.DiskFile), path, cancellationToken);
                _undo.Push($"disk {path}", () => File.Delete(path));
                timer.Mark("disk");
            }

            Failpoint.Reach(Failpoints.RestoreDisk);
            Task settled = context.Machines.SettleAsync(record.Id, record.Files);

            using MachineLinks links = await MachineLinks.RaiseInPlaceAsync(context, machine.Record, record, _undo, cancellationToken);
            Failpoint.Reach(Failpoints.LinksRaised);
            MachineLauncher.Launched launched = await MachineLauncher.AwaitStateAsync(
                context, machine, record, Path.Combine(directory, SnapshotStore.MemoryFile), manifest.Host, links, FormerInterfaces, manifest.GuestWasReady, _undo, cancellationToken);
            await using (launched.Connection)
            {
                timer.Mark("launch");
                Failpoint.Reach(Failpoints.LaunchConnected);
                try
                {
                    using SafeFileHandle state = File.OpenHandle(Path.Combine(directory, SnapshotStore.DeviceStateFile));
                    await launched.Connection.LoadDeviceStateAsync(state, cancellationToken);
                }
                catch (VmmConnectionException exception)
                {
                    throw VmmFailure.Ended(context, record, launched.Run, exception);
                }

                timer.Mark("devices");
                await MachineLauncher.SetLinksAsync(launched.Connection, links.InterfacesFor(FormerInterfaces), cancellationToken);
                Failpoint.Reach(Failpoints.RestoreLoaded);
                await settled;
                timer.Mark("durable");
                MachineRun? replaced = machine.Record.Run;
                if (replaced is not null)
                {
                    // From here on there is no way back: its memory is what the user wanted gone.
                    await StopPlan.EndVmmAsync(machine.Driver, replaced);
                    Failpoint.Reach(Failpoints.RestoreEnded);
                }

                links.Attach(observer);
                timer.Mark("network");
                Failpoint.Reach(Failpoints.LinksAttached);
                if (!options.LeaveSuspended)
                {
                    await launched.Connection.ResumeAsync(CancellationToken.None);
                }

                timer.Mark("resume");
                Failpoint.Reach(Failpoints.RestoreResumed);
                machine.Save(record with
                {
                    State = options.LeaveSuspended ? VmState.Paused : VmState.Running,
                    StatusDetail = null,
                    RestoredFromSnapshotId = SnapshotId,
                    Run = launched.Run with { DueFixups = DueFixups(isClone) },
                });
                timer.Mark("record");
                Failpoint.Reach(Failpoints.RestoreRecorded);
                return replaced;
            }
        }
    }
}
