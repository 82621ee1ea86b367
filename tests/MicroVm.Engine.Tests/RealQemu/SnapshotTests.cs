using System.Text.Json.Nodes;
using MicroVm.Engine.Errors;
using MicroVm.Engine.Machines;
using MicroVm.Engine.Snapshots;
using MicroVm.Engine.Tests.Support;

namespace MicroVm.Engine.Tests.RealQemu;

public sealed class SnapshotTests(QemuHome home) : QemuTests(home)
{
    [QemuFact]
    public async Task Running_guest_and_its_clones_all_go_on_from_the_same_tick()
    {
        VirtualMachine machine = await Home.CloneAsync("web");
        Guest guest = new(machine);
        await guest.StartCountingAsync();
        long least = guest.Ticks[^1];

        Snapshot snapshot = await Home.SaveAsync(machine, "counting");
        await guest.NextTickAsync();
        long most = guest.Ticks[^1];

        Assert.Equal(VmState.Running, Now(machine).State);
        Assert.True(snapshot.PauseDuration > TimeSpan.Zero);
        Assert.Equal(Home.Golden.SnapshotId, snapshot.ParentSnapshotId);
        long? first = null;
        foreach (string name in (string[])["one", "two"])
        {
            VirtualMachine clone = await Home.RestoreAsync(snapshot, name);
            Assert.Equal(VmState.Running, clone.State);
            Assert.Equal(snapshot.SnapshotId, clone.RestoredFromSnapshotId);
            Guest copy = new(clone);
            await copy.NextTickAsync();
            // The first whole line after the restore: the one that was cut by the pause may come before it.
            Assert.InRange(copy.Ticks[0], least + 1, most + 1);
            Assert.Equal(first ??= copy.Ticks[0], copy.Ticks[0]);
            Guest.AssertContinuous(copy.Ticks);
            Assert.True((await Engine.WaitReadyAsync(clone.Id, TimeSpan.Zero, Silent, CancellationToken.None)).State == VmState.Running);
        }

        await guest.NextTickAsync();
        Guest.AssertContinuous(guest.Ticks);
    }

    [QemuFact]
    public async Task Snapshot_of_a_paused_VM_leaves_it_paused_and_continues_exactly()
    {
        VirtualMachine machine = await Home.CloneAsync("web");
        Guest guest = new(machine);
        await guest.StartCountingAsync();
        await Engine.SuspendAsync(machine.Id, Silent, CancellationToken.None);
        string before = guest.Text;

        Snapshot snapshot = await Home.SaveAsync(machine, "paused");

        Assert.Equal(TimeSpan.Zero, snapshot.PauseDuration);
        Assert.Equal(VmState.Paused, Now(machine).State);
        Assert.Equal(before, guest.Text);
        VirtualMachine clone = await Home.RestoreAsync(snapshot, "clone");
        Guest copy = new(clone);
        await copy.NextTickAsync();
        Guest.AssertContinuous(Guest.TicksIn(before + copy.Text));
    }

    [QemuFact]
    public async Task Clone_of_a_clone_of_a_clone_has_the_memory_and_disk_of_them_all()
    {
        VirtualMachine machine = await Home.CloneAsync("generation-0");
        for (int generation = 1; generation <= 3; generation++)
        {
            Guest guest = new(machine);
            // The file is in the parent's cache and disk, the variable in its memory alone.
            await guest.WriteFileAsync($"file{generation}", $"disk-{generation}");
            await guest.FillAsync("big", $"word{generation}");
            await guest.AskAsync($"v{generation}=memory-{generation}; echo s''et", "set");
            Snapshot snapshot = await Home.SaveAsync(machine, $"snapshot-{generation}");
            // What the parent does now is not the child's.
            await guest.WriteFileAsync($"file{generation}", "later");
            await guest.FillAsync("big", "later");
            await guest.AskAsync($"v{generation}=later; echo s''et", "set");
            machine = await Home.RestoreAsync(snapshot, $"generation-{generation}");
        }

        Guest last = new(machine);
        await last.AskAsync("echo \"got\"\" $v1 $v2 $v3\"", "got memory-1 memory-2 memory-3");
        await last.AssertFilledAsync("big", "word3");
        for (int generation = 1; generation <= 3; generation++)
        {
            await last.AssertFileAsync($"file{generation}", $"disk-{generation}");
        }

        Assert.Equal(0, CountOfFileSystemErrors(last));
    }

    [QemuFact]
    public async Task Restore_in_place_rolls_memory_and_disk_back()
    {
        VirtualMachine machine = await Home.CloneAsync("web");
        Guest guest = new(machine);
        await guest.WriteFileAsync("note", "first");
        await guest.FillAsync("big", "first");
        await guest.AskAsync("v=first; echo s''et", "set");
        Snapshot snapshot = await Home.SaveAsync(machine, "before");
        await guest.FillAsync("big", "second");
        await guest.WriteFileAsync("note", "second");
        await guest.WriteFileAsync("other", "second");
        await guest.AskAsync("v=second; echo s''et", "set");
        int oldProcess = machine.ProcessId!.Value;

        VirtualMachine restored = await Home.RestoreAsync(snapshot, null);

        Assert.Equal(machine.Id, restored.Id);
        Assert.Equal(VmState.Running, restored.State);
        Assert.Equal(snapshot.SnapshotId, restored.RestoredFromSnapshotId);
        Assert.False(Directory.Exists($"/proc/{oldProcess}"));
        Guest again = new(restored);
        await again.AskAsync("echo \"v\"\" is $v\"", "v is first");
        await again.AssertFilledAsync("big", "first");
        await again.AssertFileAsync("note", "first");
        await again.AssertFileAsync("other", null);
        Assert.Single(Directory.GetFiles(Home.Context.Machines.DirectoryOf(machine.Id), "*.raw"));

        // And once more, since the disk's name has changed; then it boots from that disk.
        await again.WriteFileAsync("note", "third");
        restored = await Home.RestoreAsync(snapshot, null);
        await new Guest(restored).AssertFileAsync("note", "first");
        await Home.StopAsync(restored, StopMode.Graceful);
        restored = await Engine.StartAsync(machine.Id, Silent, CancellationToken.None);
        await Engine.WaitReadyAsync(machine.Id, TimeSpan.FromSeconds(90), Silent, CancellationToken.None);
        await new Guest(restored).AssertFileAsync("note", "first");
    }

    [QemuFact]
    public async Task Stopped_VM_is_restored_in_place()
    {
        VirtualMachine machine = await Home.CloneAsync("web");
        Guest guest = new(machine);
        await guest.StartCountingAsync();
        long least = guest.Ticks[^1];
        Snapshot snapshot = await Home.SaveAsync(machine, "before");
        await Home.StopAsync(machine, StopMode.TurnOff);
        int said = guest.Text.Length;

        VirtualMachine restored = await Home.RestoreAsync(snapshot, null);

        Guest again = new(restored);
        await again.NextTickAsync();
        long[] ticks = Guest.TicksIn("\n" + again.Text[said..]);
        Assert.True(ticks[0] > least);
        Guest.AssertContinuous(ticks);
    }

    [QemuFact]
    public async Task Restored_VM_can_be_left_suspended()
    {
        VirtualMachine machine = await Home.CloneAsync("web");
        await new Guest(machine).StartCountingAsync();
        Snapshot snapshot = await Home.SaveAsync(machine, "counting");

        VirtualMachine clone = await Engine.RestoreAsync(
            snapshot.SnapshotId, new RestoreOptions { NewName = "clone", LeaveSuspended = true }, Silent, CancellationToken.None);

        Assert.Equal(VmState.Paused, clone.State);
        await new Guest(machine).NextTickAsync();
        Assert.Equal("", new Guest(clone).Text);
        await Engine.ResumeAsync(clone.Id, Silent, CancellationToken.None);
        await new Guest(clone).NextTickAsync();
    }

    [QemuFact]
    public async Task Clone_lives_without_its_source_and_its_snapshot_and_is_saved_again()
    {
        VirtualMachine source = await Home.CloneAsync("source");
        await new Guest(source).AskAsync("v=inherited; echo s''et", "set");
        Snapshot snapshot = await Home.SaveAsync(source, "first");
        await Home.RemoveAsync(source);
        VirtualMachine clone = await Home.RestoreAsync(snapshot, "clone");
        MicroVmException used = await Assert.ThrowsAsync<MicroVmException>(
            () => Engine.RemoveSnapshotAsync(snapshot.SnapshotId, force: false, CancellationToken.None));
        Assert.Equal((ErrorIds.SnapshotInUse, "The memory of VM 'clone' comes from snapshot 'first'."), (used.ErrorId, used.Message));
        await Engine.RemoveSnapshotAsync(snapshot.SnapshotId, force: true, CancellationToken.None);

        Guest guest = new(clone);
        await guest.AskAsync("w=own; echo s''et", "set");
        Snapshot second = await Home.SaveAsync(clone, "second");
        await Home.RemoveAsync(clone);
        VirtualMachine grandchild = await Home.RestoreAsync(second, "grandchild");

        await new Guest(grandchild).AskAsync("echo \"got\"\" $v $w\"", "got inherited own");
        Assert.Equal(snapshot.SnapshotId, second.ParentSnapshotId);
    }

    [QemuFact]
    public async Task Snapshot_of_which_nobody_runs_is_removed_without_force()
    {
        VirtualMachine source = await Home.CloneAsync("source");
        Snapshot snapshot = await Home.SaveAsync(source, "first");
        VirtualMachine clone = await Home.RestoreAsync(snapshot, "clone");
        await Engine.StopAsync(clone.Id, StopMode.TurnOff, TimeSpan.Zero, Silent, CancellationToken.None);

        await Engine.RemoveSnapshotAsync(snapshot.SnapshotId, force: false, CancellationToken.None);

        Assert.DoesNotContain(Engine.GetSnapshots(), other => other.SnapshotId == snapshot.SnapshotId);
    }

    [QemuFact]
    public async Task Snapshot_is_tested_to_the_last_byte()
    {
        VirtualMachine source = await Home.CloneAsync("source");
        Snapshot snapshot = await Home.SaveAsync(source, "first");

        SnapshotReport sound = await Engine.TestSnapshotAsync(snapshot.SnapshotId, Silent, CancellationToken.None);
        Assert.True(sound.IsOk);
        Assert.Equal(["Manifest", "Memory", "DeviceState", "Disk", "Kernel", "Initramfs", "Hypervisor", "Host"], sound.Findings.Select(finding => finding.Name));

        foreach ((string file, string name) in ((string, string)[])[("memory", "Memory"), ("disk", "Disk"), ("state", "DeviceState")])
        {
            string path = Path.Combine(snapshot.Path, file);
            Flip(path);
            Assert.Equal([name], await FaultsAsync(snapshot));
            Flip(path);
        }

        File.Move(Path.Combine(snapshot.Path, "memory"), Path.Combine(snapshot.Path, "elsewhere"));
        Assert.Equal(["Memory"], await FaultsAsync(snapshot));
        File.WriteAllText(Path.Combine(snapshot.Path, "manifest.json"), "{");
        SnapshotReport damaged = await Engine.TestSnapshotAsync(snapshot.SnapshotId, Silent, CancellationToken.None);
        Assert.False(damaged.IsIntact);
        Assert.Equal("Manifest", Assert.Single(damaged.Findings).Name);
    }

    private async Task<IEnumerable<string>> FaultsAsync(Snapshot snapshot)
    {
        SnapshotReport report = await Engine.TestSnapshotAsync(snapshot.SnapshotId, Silent, CancellationToken.None);
        Assert.False(report.IsIntact);
        Assert.True(report.FitsHost);
        return report.Findings.Where(finding => !finding.IsOk).Select(finding => finding.Name);
    }

    // The last byte but some: in a hole, perhaps, which is no excuse.
    private static void Flip(string path)
    {
        using FileStream file = new(path, FileMode.Open, FileAccess.ReadWrite);
        file.Seek(-1000, SeekOrigin.End);
        int value = file.ReadByte();
        file.Seek(-1000, SeekOrigin.End);
        file.WriteByte((byte)(value ^ 1));
    }

    [QemuFact]
    public async Task Snapshot_of_a_removed_VM_is_restored_only_under_a_new_name()
    {
        VirtualMachine source = await Home.CloneAsync("source");
        Snapshot snapshot = await Home.SaveAsync(source, "first");
        await Home.RemoveAsync(source);

        MicroVmException error = await Assert.ThrowsAsync<MicroVmException>(() => Home.RestoreAsync(snapshot, null));

        Assert.Equal(ErrorIds.MicroVmNotFound, error.ErrorId);
        Assert.Equal(VmState.Running, (await Home.RestoreAsync(snapshot, "source")).State);
    }

    [QemuFact]
    public async Task Names_of_snapshots_are_checked()
    {
        VirtualMachine machine = await Home.CloneAsync("web");
        await Home.SaveAsync(machine, "Good");

        MicroVmException taken = await Assert.ThrowsAsync<MicroVmException>(() => Home.SaveAsync(machine, "gOOD"));
        Assert.Equal(ErrorIds.SnapshotAlreadyExists, taken.ErrorId);
        foreach (string name in (string[])["", "../x", ";rm", "a\n", new string('a', 64)])
        {
            MicroVmException bad = await Assert.ThrowsAsync<MicroVmException>(() => Home.SaveAsync(machine, name));
            Assert.Equal(ErrorIds.InvalidMicroVmSpec, bad.ErrorId);
            bad = await Assert.ThrowsAsync<MicroVmException>(() => Home.RestoreAsync(Home.Golden, name));
            Assert.Equal(ErrorIds.InvalidMicroVmSpec, bad.ErrorId);
        }

        Assert.Equal(2, Engine.GetSnapshots().Count());
        Assert.Matches(@"^\d{8}-\d{6}\z", (await Engine.SaveSnapshotAsync(machine.Id, null, "by time", Silent, CancellationToken.None)).Name);
        for (int i = 0; i < 3; i++)
        {
            // Some of them within one second.
            await Engine.SaveSnapshotAsync(machine.Id, null, null, Silent, CancellationToken.None);
        }
    }

    [QemuFact]
    public async Task Stopped_VM_has_nothing_to_save()
    {
        MicroVmException error = await Assert.ThrowsAsync<MicroVmException>(() => Home.SaveAsync(Home.Origin, "none"));

        Assert.Equal(ErrorIds.InvalidMicroVmState, error.ErrorId);
    }

    [QemuFact]
    public async Task Unknown_snapshots_are_not_found()
    {
        Snapshot unknown = Home.Golden with { SnapshotId = Guid.NewGuid() };

        Assert.Equal(ErrorIds.SnapshotNotFound, (await Assert.ThrowsAsync<MicroVmException>(() => Home.RestoreAsync(unknown, "x"))).ErrorId);
        Assert.Equal(
            ErrorIds.SnapshotNotFound,
            (await Assert.ThrowsAsync<MicroVmException>(() => Engine.RemoveSnapshotAsync(unknown.SnapshotId, force: true, CancellationToken.None))).ErrorId);
    }

    [QemuFact]
    public async Task Damaged_or_foreign_snapshots_are_refused_before_anything_starts()
    {
        VirtualMachine machine = await Home.CloneAsync("web");
        Snapshot snapshot = await Home.SaveAsync(machine, "victim");
        await Home.RemoveAsync(machine);
        IReadOnlyList<string> before = Home.Inventory();
        string Of(string file) => Path.Combine(snapshot.Path, file);

        await RefusedAsync(ErrorIds.SnapshotCorrupt, Of(SnapshotStore.DeviceStateFile), FlipOneBit, "digest");
        await RefusedAsync(ErrorIds.SnapshotCorrupt, Of(SnapshotStore.DeviceStateFile), path => Truncate(path, 1), "bytes instead of");
        await RefusedAsync(ErrorIds.SnapshotCorrupt, Of(SnapshotStore.MemoryFile), path => Truncate(path, 4096), "bytes instead of");
        await RefusedAsync(ErrorIds.SnapshotCorrupt, Of(SnapshotStore.DiskFile), path => Truncate(path, 1), "bytes instead of");
        await RefusedAsync(ErrorIds.SnapshotCorrupt, Of(SnapshotStore.MemoryFile), File.Delete, "is missing");
        await RefusedAsync(ErrorIds.SnapshotCorrupt, Of("manifest.json"), path => Truncate(path, 20), "damaged");
        await RefusedAsync(ErrorIds.SnapshotCorrupt, Of("manifest.json"), File.Delete, "damaged or missing");
        await RefusedAsync(ErrorIds.SnapshotCorrupt, Of("manifest.json"), path => Edit(path, json => json["memory"] = null), "damaged");
        await RefusedAsync(ErrorIds.SnapshotCorrupt, Of("manifest.json"), path => Edit(path, json => json["version"] = 2), "damaged");
        await RefusedAsync(ErrorIds.SnapshotIncompatible, Of("manifest.json"), path => Edit(path, json => json["host"]!["cpuModel"] = "Z80"), "the snapshot's is Z80");
        await RefusedAsync(ErrorIds.SnapshotIncompatible, Of("manifest.json"), path => Edit(path, json => json["host"]!["architecture"] = "Arm64"), "the snapshot's is Arm64");
        await RefusedAsync(ErrorIds.SnapshotIncompatible, Of("manifest.json"), path => Edit(path, json => json["host"]!["hypervisorVersion"] = "6.0.1"), "the snapshot's is 6.0");
        await RefusedAsync(ErrorIds.FileNotFound, Of("manifest.json"), path => Edit(path, json => json["boot"]!["kernelPath"] = "/nowhere/kernel"), "/nowhere/kernel");
        await RefusedAsync(ErrorIds.FileNotFound, Of("manifest.json"), path => Edit(path, json => json["boot"]!["initramfsPath"] = "/nowhere/initramfs"), "/nowhere/initramfs");

        // And whole again it is accepted.
        await Home.RestoreAsync(snapshot, "clone");

        async Task RefusedAsync(string id, string file, Action<string> damage, string words)
        {
            string kept = file + ".kept";
            File.Copy(file, kept);
            damage(file);
            MicroVmException error = await Assert.ThrowsAsync<MicroVmException>(() => Home.RestoreAsync(snapshot, "clone"));
            Assert.Equal(id, error.ErrorId);
            Assert.Contains(words, error.Message, StringComparison.Ordinal);
            Assert.Equal(before, Home.Inventory());
            Assert.Equal(2, Engine.GetSnapshots().Count());
            File.Move(kept, file, overwrite: true);
        }
    }

    [QemuFact]
    public async Task Removing_snapshots_while_they_are_listed_harms_no_listing()
    {
        VirtualMachine machine = await Home.CloneAsync("web");
        List<Snapshot> snapshots = [];
        for (int i = 0; i < 5; i++)
        {
            snapshots.Add(await Home.SaveAsync(machine, $"s{i}"));
        }

        Task removing = Task.Run(async () =>
        {
            foreach (Snapshot snapshot in snapshots)
            {
                await Engine.RemoveSnapshotAsync(snapshot.SnapshotId, force: true, CancellationToken.None);
            }
        });
        do
        {
            Assert.Contains(Engine.GetSnapshots(), snapshot => snapshot.Name == "golden");
        }
        while (!removing.IsCompleted);
        await removing;
    }

    private static int CountOfFileSystemErrors(Guest guest) => guest.Text.Split("EXT4-fs error").Length - 1;

    private static void FlipOneBit(string path)
    {
        byte[] content = File.ReadAllBytes(path);
        content[content.Length / 2] ^= 1;
        File.WriteAllBytes(path, content);
    }

    private static void Truncate(string path, long bytes)
    {
        using FileStream stream = new(path, FileMode.Open, FileAccess.ReadWrite);
        stream.SetLength(stream.Length - bytes);
    }

    private static void Edit(string path, Action<JsonNode> edit)
    {
        JsonNode json = JsonNode.Parse(File.ReadAllBytes(path))!;
        edit(json);
        File.WriteAllText(path, json.ToJsonString());
    }
}
