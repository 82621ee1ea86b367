using System.Text.Json.Nodes;
using MicroVm.Engine.Errors;
using MicroVm.Engine.Machines;
using MicroVm.Engine.Snapshots;
using MicroVm.Engine.State;
using MicroVm.Engine.Tests.State;
using MicroVm.Engine.Tests.Support;

namespace MicroVm.Engine.Tests.Snapshots;

public sealed class SnapshotStoreTests : IDisposable
{
    private readonly Scratch _scratch = new();
    private readonly SnapshotStore _store;

    public SnapshotStoreTests() => _store = new SnapshotStore(_scratch.Paths);

    public void Dispose() => _scratch.Dispose();

    [Fact]
    public void Snapshot_is_there_only_when_it_is_published()
    {
        SnapshotManifest manifest = Manifest();
        string staging = _store.Stage(manifest.Id);
        Assert.Empty(_store.List());
        Assert.Null(_store.Read(manifest.Id));

        _store.Publish(staging, manifest);

        Assert.Equal(manifest.Name, Assert.Single(_store.List()).Manifest!.Name);
        Assert.False(Directory.Exists(staging));
        Assert.Equal("Ok", _store.View(manifest).Status);
    }

    [Fact]
    public void Manifest_from_before_agents_were_asked_is_read()
    {
        SnapshotManifest manifest = Publish();
        string path = Path.Combine(_store.DirectoryOf(manifest.Id), "manifest.json");
        JsonObject old = JsonNode.Parse(File.ReadAllBytes(path))!.AsObject();
        Assert.True(old.Remove("workloadFrozen"));
        Assert.True(old.Remove("identityDue"));
        File.WriteAllText(path, old.ToJsonString());

        SnapshotManifest read = _store.Read(manifest.Id)!;

        Assert.Null(read.AgentAnswered);
        Assert.False(read.WorkloadFrozen);
    }

    [Fact]
    public void Damaged_snapshot_is_listed_with_its_failure_beside_the_others()
    {
        SnapshotManifest whole = Publish();
        SnapshotManifest damaged = Publish();
        File.WriteAllText(Path.Combine(_store.DirectoryOf(damaged.Id), "manifest.json"), "{}");

        (Guid id, SnapshotManifest? manifest, MicroVmException? failure) = _store.List().Single(entry => entry.Manifest is null);

        Assert.Equal(damaged.Id, id);
        Assert.Null(manifest);
        Assert.Equal(ErrorIds.SnapshotCorrupt, failure!.ErrorId);
        Assert.NotEqual("Ok", _store.ViewDamaged(id, failure).Status);
        Assert.Equal(whole.Id, _store.List().Single(entry => entry.Manifest is not null).Id);
        _store.Remove(id);
        Assert.Single(_store.List());
    }

    [Fact(Timeout = 60_000)]
    public async Task Of_many_renames_to_one_name_exactly_one_is_done()
    {
        EngineContext context = new(_scratch.Paths);
        SnapshotManifest first = Publish();
        SnapshotManifest[] all = [first, .. Enumerable.Range(0, 3).Select(i => Publish(Manifest() with { MachineId = first.MachineId, Name = $"other-{i}" }))];
        for (int round = 0; round < 20; round++)
        {
            string name = $"wanted-{round}";
            using Barrier barrier = new(all.Length);
            string[] results = await Task.WhenAll(all.Select(manifest => Task.Factory.StartNew(
                () =>
                {
                    barrier.SignalAndWait();
                    try
                    {
                        return SnapshotNames.Rename(context, manifest.Id, name).Name;
                    }
                    catch (MicroVmException exception)
                    {
                        return exception.ErrorId;
                    }
                },
                CancellationToken.None,
                TaskCreationOptions.LongRunning,
                TaskScheduler.Default)));

            Assert.Single(results, name);
            Assert.Equal(all.Length - 1, results.Count(result => result == ErrorIds.SnapshotAlreadyExists));
            Assert.Single(_store.List(), entry => entry.Manifest!.Name == name);
        }
    }

    [Fact]
    public void Snapshot_of_a_VM_that_is_at_work_is_not_renamed()
    {
        EngineContext context = new(_scratch.Paths);
        SnapshotManifest manifest = Publish();
        MachineStore.MakeDirectory(context.Machines.DirectoryOf(manifest.MachineId));
        using (MachineLock.Acquire(context.Machines.DirectoryOf(manifest.MachineId), "web", "Save-MicroVmSnapshot"))
        {
            Assert.Equal(ErrorIds.MicroVmBusy, Assert.Throws<MicroVmException>(() => SnapshotNames.Rename(context, manifest.Id, "silver")).ErrorId);
        }

        Assert.Equal("silver", SnapshotNames.Rename(context, manifest.Id, "silver").Name);
    }

    [Fact]
    public void View_of_a_snapshot_that_was_just_removed_is_no_failure()
    {
        SnapshotManifest manifest = Publish();
        _store.Remove(manifest.Id);

        Assert.Equal(0, _store.View(manifest).SizeBytes);
        Assert.Equal(ErrorIds.SnapshotNotFound, Assert.Throws<MicroVmException>(() => _store.Remove(manifest.Id)).ErrorId);
    }

    [Fact]
    public void Every_mismatch_with_the_host_is_named()
    {
        SnapshotManifest manifest = Manifest();
        SnapshotChecks.CheckHost(manifest, "7.2.99");

        MicroVmException error = Assert.Throws<MicroVmException>(() => SnapshotChecks.CheckHost(
            manifest with { Host = manifest.Host with { Architecture = "Arm64", CpuModel = "Z80" } }, "8.0.0"));

        Assert.Equal(ErrorIds.SnapshotIncompatible, error.ErrorId);
        Assert.All((string[])["Arm64", "Z80", "7.2", "8.0"], word => Assert.Contains(word, error.Message, StringComparison.Ordinal));
    }

    private SnapshotManifest Publish() => Publish(Manifest());

    private SnapshotManifest Publish(SnapshotManifest manifest)
    {
        _store.Publish(_store.Stage(manifest.Id), manifest);
        return manifest;
    }

    private static SnapshotManifest Manifest()
    {
        MachineRecord machine = Records.Stopped(Guid.NewGuid());
        return new SnapshotManifest
        {
            Version = SnapshotManifest.CurrentVersion,
            Id = Guid.NewGuid(),
            Name = "golden",
            MachineId = machine.Id,
            MachineName = machine.Name,
            CreatedAt = DateTimeOffset.Now,
            PauseDuration = TimeSpan.FromMilliseconds(3),
            Hardware = machine.Hardware,
            Boot = machine.Boot,
            KernelDigest = "sha256:00",
            GuestWasReady = true,
            Host = new SnapshotHost
            {
                Architecture = System.Runtime.InteropServices.RuntimeInformation.OSArchitecture.ToString(),
                HypervisorVersion = "7.2.22",
                MachineType = "pc-q35-7.2",
                Accelerator = AcceleratorKind.Tcg,
                CpuModel = "TCG max",
            },
            Memory = new SnapshotFile("memory", 0, "sha256-blocks:00"),
            DeviceState = new SnapshotFile("state", 0, "sha256:00"),
        };
    }
}
