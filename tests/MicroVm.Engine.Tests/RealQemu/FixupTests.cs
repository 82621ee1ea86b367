using System.Globalization;
using System.Text;
using MicroVm.Engine.Errors;
using MicroVm.Engine.Guest.Agent;
using MicroVm.Engine.Guest.Commands;
using MicroVm.Engine.Machines;
using MicroVm.Engine.Snapshots;
using MicroVm.Engine.Storage;
using MicroVm.Engine.Tests.Support;

namespace MicroVm.Engine.Tests.RealQemu;

/// <summary>What a restored guest is told, and when.</summary>
public sealed class FixupTests(QemuHome home) : QemuTests(home)
{
    private const string KillAgent = "kill -KILL $(pidof services) $(pidof qemu-ga) && echo ag''ent is gone";
    private const string StopAgent = "kill -STOP $(pidof qemu-ga) && echo ag''ent stands";

    [QemuFact]
    public async Task Clone_is_put_right_before_its_workload_goes_on()
    {
        VirtualMachine clone = await Home.CloneAsync("web");

        Assert.Equal(
            [
                (GuestFixup.Entropy, FixupResult.Done),
                (GuestFixup.Clock, FixupResult.Done),
                (GuestFixup.HostName, FixupResult.Done),
                (GuestFixup.MachineId, FixupResult.Done),
                (GuestFixup.SshHostKeys, FixupResult.NotNeeded),
                (GuestFixup.Network, FixupResult.NotNeeded),
            ],
            clone.Fixups.Select(fixup => (fixup.Name, fixup.Result)));
        Assert.Contains("a reseed was forced", DetailOf(clone, GuestFixup.Entropy), StringComparison.Ordinal);
        Assert.Equal("It is 'web' now.", DetailOf(clone, GuestFixup.HostName));
        Assert.All(clone.Fixups.Take(4), fixup => Assert.True(fixup.Duration > TimeSpan.Zero));
        Assert.Equal(clone.Fixups, new MicroVmEngine(Home.Paths).FindMachine("web")!.Fixups);
        await new Guest(clone).AskAsync("echo $(hostname)\": $(cat /etc/machine-id)\"", $"web: {clone.Id:N}");
        Assert.Empty(Home.Origin.Fixups);
    }

    [QemuFact]
    public async Task Clone_boots_with_its_own_name_and_id()
    {
        VirtualMachine clone = await Home.CloneAsync("web");
        await Home.StopAsync(clone, StopMode.Graceful);

        clone = await Engine.StartAsync(clone.Id, Silent, CancellationToken.None);

        Assert.Empty(clone.Fixups);
        await Engine.WaitReadyAsync(clone.Id, TimeSpan.FromSeconds(90), Silent, CancellationToken.None);
        await new Guest(clone).AskAsync("echo $(hostname)\": $(cat /etc/machine-id)\"", $"web: {clone.Id:N}");
    }

    [QemuFact]
    public async Task Guest_that_boots_has_its_VMs_id()
    {
        VirtualMachine machine = await Engine.CreateAsync(QemuHome.Small with { Name = "web" }, start: true, Silent, CancellationToken.None);
        await Engine.WaitReadyAsync(machine.Id, TimeSpan.FromSeconds(90), Silent, CancellationToken.None);

        await new Guest(machine).AskAsync("echo \"i\"\"d: $(cat /etc/machine-id)\"", $"id: {machine.Id:N}");
    }

    [QemuFact]
    public async Task Clock_is_right_after_a_restore()
    {
        VirtualMachine source = await Home.CloneAsync("source");
        await new Guest(source).AskAsync("date -s @$(($(date +%s) - 3600)); echo s''et back", "set back");
        Snapshot snapshot = await Home.SaveAsync(source, "late");

        VirtualMachine clone = await Home.RestoreAsync(snapshot, "web");

        Assert.InRange(await OffsetAsync(clone), TimeSpan.FromSeconds(-0.2), TimeSpan.FromSeconds(0.2));
        Assert.StartsWith("Was 36", DetailOf(clone, GuestFixup.Clock), StringComparison.Ordinal);
        long now = DateTimeOffset.UtcNow.ToUnixTimeSeconds();
        await new Guest(clone).AskAsync($"t=$(date +%s); [ $t -ge {now - 1} ] && [ $t -le {now + 20} ] && echo ri''ght", "right");
        Assert.InRange(await OffsetAsync(source), TimeSpan.FromSeconds(-3602), TimeSpan.FromSeconds(-3598));
    }

    [QemuFact]
    public async Task Clones_draw_different_random_bytes_and_without_fixups_the_same()
    {
        RandomDraws draws = new(Home);
        Snapshot snapshot = await draws.PrepareAsync("source");

        (string one, string two) = await draws.PairAsync(snapshot, "same", noFixup: true);
        Assert.Equal(one, two);
        (one, two) = await draws.PairAsync(snapshot, "different", noFixup: false);
        Assert.NotEqual(one, two);
    }

    [QemuFact]
    public async Task Rolled_back_VM_keeps_its_identity_and_gets_time_and_entropy()
    {
        VirtualMachine machine = await Home.CloneAsync("web");
        Guest guest = new(machine);
        await guest.AskAsync("hostname changed; echo s''et", "set");
        await guest.StartCountingAsync();
        Snapshot snapshot = await Home.SaveAsync(machine, "before");

        VirtualMachine restored = await Home.RestoreAsync(snapshot, null);

        Assert.Equal(
            [FixupResult.Done, FixupResult.Done, FixupResult.NotNeeded, FixupResult.NotNeeded, FixupResult.NotNeeded, FixupResult.NotNeeded],
            restored.Fixups.Select(fixup => fixup.Result));
        Assert.Equal("They are kept.", DetailOf(restored, GuestFixup.SshHostKeys));
        await new Guest(restored).NextTickAsync();
        Assert.Equal("changed", await ReadAsync(restored, "/proc/sys/kernel/hostname"));
    }

    [QemuFact]
    public async Task Workload_stands_still_from_the_snapshot_until_all_is_done()
    {
        VirtualMachine machine = await Home.CloneAsync("web");
        Guest guest = new(machine);
        await guest.StartCountingAsync();
        Snapshot snapshot = await Home.SaveAsync(machine, "counting");
        Assert.Equal("frozen 0", (await ReadAsync(machine, "/sys/fs/cgroup/workload/cgroup.events")).Split('\n')[1]);
        await guest.NextTickAsync();

        VirtualMachine suspended = await Engine.RestoreAsync(
            snapshot.SnapshotId, new RestoreOptions { NewName = "clone", LeaveSuspended = true }, Silent, CancellationToken.None);
        Assert.Empty(suspended.Fixups);
        VirtualMachine again = await Engine.RestoreAsync((await Home.SaveAsync(suspended, "still")).SnapshotId, new RestoreOptions { NewName = "again" }, Silent, CancellationToken.None);
        VirtualMachine resumed = await Engine.ResumeAsync(suspended.Id, Silent, CancellationToken.None);

        foreach (VirtualMachine clone in (VirtualMachine[])[again, resumed])
        {
            Assert.Equal([FixupResult.Done, FixupResult.Done, FixupResult.Done, FixupResult.Done], clone.Fixups.Take(4).Select(fixup => fixup.Result));
            await new Guest(clone).NextTickAsync();
            Guest.AssertContinuous(new Guest(clone).Ticks);
        }

        // Once is enough.
        Assert.Equal(resumed.Fixups, (await Engine.ResumeAsync(suspended.Id, Silent, CancellationToken.None)).Fixups);
    }

    [QemuFact]
    public async Task Workload_is_the_console_the_commands_and_the_user_data_but_not_the_agent()
    {
        VirtualMachine machine = await Engine.CreateAsync(
            QemuHome.Small with { Name = "web", UserData = "#!/bin/sh\necho user data in $(cat /proc/self/cgroup) >/dev/console\n" },
            start: true,
            Silent,
            CancellationToken.None);
        await Engine.WaitReadyAsync(machine.Id, TimeSpan.FromSeconds(90), Silent, CancellationToken.None);

        await new Guest(machine).AskAsync("echo con''sole in $(cat /proc/self/cgroup)", "console in 0::/workload");
        List<byte> output = [];
        await Engine.RunCommandAsync(
            machine.Id,
            new GuestCommand { FilePath = "cat", ArgumentList = ["/proc/self/cgroup"] },
            piece =>
            {
                output.AddRange(piece.Bytes.Span);
                return Task.CompletedTask;
            },
            Silent,
            CancellationToken.None);
        Assert.Equal("0::/workload\n", Encoding.UTF8.GetString([.. output]));
        Assert.Contains("user data in 0::/workload", new Guest(machine).Text, StringComparison.Ordinal);
        Assert.Equal("0::/", await ReadAsync(machine, "/proc/self/cgroup"));
    }

    [Fact]
    public void Commands_join_the_workload_of_the_contract() =>
        Assert.Equal(GuestContract.WorkloadCgroup, GuestContract.WorkloadCgroup);

    [QemuFact]
    public async Task Without_fixups_the_workload_goes_on_all_the_same()
    {
        VirtualMachine machine = await Home.CloneAsync("web");
        await new Guest(machine).StartCountingAsync();
        Snapshot snapshot = await Home.SaveAsync(machine, "counting");
        RecordingObserver observer = new();

        VirtualMachine clone = await Engine.RestoreAsync(
            snapshot.SnapshotId, new RestoreOptions { NewName = "clone", NoFixup = true }, observer, CancellationToken.None);

        Assert.All(clone.Fixups, fixup => Assert.Equal(FixupResult.Skipped, fixup.Result));
        Assert.Empty(observer.Warnings);
        await new Guest(clone).NextTickAsync();
        Assert.Equal("web", await ReadAsync(clone, "/proc/sys/kernel/hostname"));
        Assert.Equal("0", await CountOfGuardsAsync(clone));
    }

    [QemuTheory]
    [InlineData("paused")]
    [InlineData("no cgroup")]
    [InlineData("agent in the workload")]
    public async Task Workload_that_could_not_be_frozen_is_unprotected(string why)
    {
        VirtualMachine source = await Home.CloneAsync("source");
        Guest guest = new(source);
        switch (why)
        {
            case "paused":
                await Engine.SuspendAsync(source.Id, Silent, CancellationToken.None);
                break;
            case "no cgroup":
                await guest.AskAsync("umount /sys/fs/cgroup && echo un''mounted", "unmounted");
                break;
            default:
                await guest.AskAsync(KillAgent, "agent is gone");
                await guest.AskAsync("(qemu-ga -m virtio-serial -p /dev/vport*p1 -t /run -l /dev/null &); echo st''arted", "started");
                await OffsetAsync(source);
                break;
        }

        VirtualMachine clone = await Home.RestoreAsync(await Home.SaveAsync(source, "one"), "clone");

        Assert.Equal(
            [FixupResult.Unprotected, FixupResult.Unprotected, FixupResult.Unprotected, FixupResult.Unprotected, FixupResult.NotNeeded, FixupResult.NotNeeded],
            clone.Fixups.Select(fixup => fixup.Result));
        await new Guest(clone).AskAsync("echo $(hostname)\":\"", "clone:");
    }

    [QemuTheory]
    [InlineData(KillAgent, "agent is gone")]
    [InlineData(StopAgent, "agent stands")]
    public async Task Guest_whose_agent_did_not_answer_when_it_was_saved_is_not_waited_for(string command, string answer)
    {
        VirtualMachine source = await Home.CloneAsync("source");
        Guest guest = new(source);
        await guest.AskAsync(command, answer);
        Snapshot snapshot = await Home.SaveAsync(source, "silent");
        await guest.AskAsync("echo th''ere", "there");
        RecordingObserver observer = new();
        long start = Environment.TickCount64;

        VirtualMachine clone = await Engine.RestoreAsync(snapshot.SnapshotId, new RestoreOptions { NewName = "clone" }, observer, CancellationToken.None);

        Assert.InRange(Environment.TickCount64 - start, 0, 5_000);
        Assert.All(clone.Fixups, fixup => Assert.Equal((FixupResult.Skipped, "No agent answered when the snapshot was taken."), (fixup.Result, fixup.Detail)));
        Assert.Contains("Entropy, Clock", Assert.Single(observer.Warnings), StringComparison.Ordinal);
        await new Guest(clone).AskAsync("echo th''ere", "there");
    }

    [QemuFact]
    public async Task Agent_that_hangs_costs_a_warning_and_not_the_restore()
    {
        VirtualMachine source = await Home.CloneAsync("source");
        await new Guest(source).AskAsync(StopAgent, "agent stands");
        // Of a paused guest nobody can tell whether its agent would answer.
        await Engine.SuspendAsync(source.Id, Silent, CancellationToken.None);
        Snapshot snapshot = await Home.SaveAsync(source, "paused");
        RecordingObserver observer = new();
        long start = Environment.TickCount64;

        VirtualMachine clone = await Engine.RestoreAsync(snapshot.SnapshotId, new RestoreOptions { NewName = "clone" }, observer, CancellationToken.None);

        Assert.InRange(Environment.TickCount64 - start, 1_000, 15_000);
        Assert.Equal(VmState.Running, clone.State);
        Assert.All(clone.Fixups, fixup => Assert.Equal(FixupResult.Failed, fixup.Result));
        Assert.Contains("No agent in VM 'clone' answered", Assert.Single(observer.Warnings), StringComparison.Ordinal);
    }

    [QemuFact]
    public async Task Generations_leave_no_processes_behind()
    {
        VirtualMachine machine = await Home.CloneAsync("generation-0");
        string before = await CountOfProcessesAsync(machine);
        for (int generation = 1; generation <= 4; generation++)
        {
            Snapshot snapshot = await Home.SaveAsync(machine, "next");
            Assert.Equal("0", await CountOfGuardsAsync(machine));
            machine = await Home.RestoreAsync(snapshot, $"generation-{generation}");
            Assert.Equal("0", await CountOfGuardsAsync(machine));
        }

        Assert.Equal(before, await CountOfProcessesAsync(machine));
    }

    [QemuFact]
    public async Task Workload_goes_on_when_the_snapshot_fails()
    {
        VirtualMachine machine = await Home.CloneAsync("web");
        Guest guest = new(machine);
        await guest.StartCountingAsync();
        using CancellationTokenSource source = new();
        RecordingObserver observer = new() { Heard = text => { if (text == "Memory changed meanwhile") { source.Cancel(); } } };

        await Assert.ThrowsAnyAsync<OperationCanceledException>(() => Engine.SaveSnapshotAsync(machine.Id, "never", null, observer, source.Token));

        Assert.Equal("frozen 0", (await ReadAsync(machine, "/sys/fs/cgroup/workload/cgroup.events")).Split('\n')[1]);
        await guest.NextTickAsync();
        Guest.AssertContinuous(guest.Ticks);
    }

    [QemuFact]
    public async Task SSH_host_keys_of_clones_are_made_anew_and_the_server_is_told()
    {
        VirtualMachine source = await Home.CloneAsync("source");
        Guest guest = new(source);
        // What stands in for ssh-keygen writes random bytes where it is told to; what stands in for sshd says when it reads its keys.
        await guest.AskAsync(
            "mkdir -p /etc/ssh /usr/local/bin; printf '#!/bin/sh\\nhead -c 16 /dev/urandom | md5sum >$7; echo $3 >$7.pub\\n' >/usr/bin/ssh-keygen; chmod +x /usr/bin/ssh-keygen; "
            + "echo old >/etc/ssh/ssh_host_ed25519_key; echo old >/etc/ssh/ssh_host_rsa_key; echo ma''de",
            "made");
        await guest.AskAsync(
            "printf '#!/bin/sh\\ntrap \"echo reloaded >>/run/reloads\" HUP\\necho $$ >/run/sshd.pid\\nwhile :; do usleep 10000; done\\n' >/root/sshd; chmod +x /root/sshd; "
            + "(/root/sshd &); while [ ! -s /run/sshd.pid ]; do usleep 1000; done; echo ser''ving",
            "serving");
        Snapshot snapshot = await Home.SaveAsync(source, "keys");

        VirtualMachine one = await Home.RestoreAsync(snapshot, "one");
        VirtualMachine two = await Home.RestoreAsync(snapshot, "two");
        VirtualMachine kept = await Engine.RestoreAsync(
            snapshot.SnapshotId, new RestoreOptions { NewName = "kept", SshHostKeys = SshHostKeyPolicy.Keep }, Silent, CancellationToken.None);

        Assert.Equal("2 made anew.", DetailOf(one, GuestFixup.SshHostKeys));
        string key = await ReadAsync(one, "/etc/ssh/ssh_host_ed25519_key");
        Assert.NotEqual("old", key);
        Assert.NotEqual(key, await ReadAsync(two, "/etc/ssh/ssh_host_ed25519_key"));
        Assert.Equal("rsa", await ReadAsync(one, "/etc/ssh/ssh_host_rsa_key.pub"));
        await new Guest(one).AskAsync("while [ ! -s /run/reloads ]; do usleep 1000; done; echo \"server\"\": $(cat /run/reloads)\"; ls -A /etc/ssh", "server: reloaded");
        Assert.Equal("They are kept.", DetailOf(kept, GuestFixup.SshHostKeys));
        Assert.Equal("old", await ReadAsync(kept, "/etc/ssh/ssh_host_rsa_key"));
    }

    [QemuFact]
    public async Task Clock_and_entropy_are_put_right_on_demand()
    {
        VirtualMachine machine = await Home.CloneAsync("web");
        Guest guest = new(machine);
        await guest.AskAsync("date -s @$(($(date +%s) + 7200)); echo s''et", "set");

        MachineFixup clock = await Engine.SyncClockAsync(machine.Id, Silent, CancellationToken.None);

        Assert.Equal(("web", machine.Id, GuestFixup.Clock, FixupResult.Done), (clock.VMName, clock.VMId, clock.Name, clock.Result));
        Assert.InRange(clock.OffsetBefore!.Value, TimeSpan.FromSeconds(7198), TimeSpan.FromSeconds(7202));
        Assert.InRange(clock.OffsetAfter!.Value, TimeSpan.FromSeconds(-0.2), TimeSpan.FromSeconds(0.2));

        MachineFixup entropy = await Engine.UpdateEntropyAsync(machine.Id, Silent, CancellationToken.None);
        Assert.Equal(FixupResult.Done, entropy.Result);
        Assert.Null(entropy.OffsetBefore);

        await guest.AskAsync("rm /lib/microvm/reseed; echo re''moved", "removed");
        entropy = await Engine.UpdateEntropyAsync(machine.Id, Silent, CancellationToken.None);
        Assert.Equal(FixupResult.Unprotected, entropy.Result);
        Assert.Contains("neither perl nor python3", entropy.Detail, StringComparison.Ordinal);

        await Home.StopAsync(machine, StopMode.TurnOff);
        MicroVmException error = await Assert.ThrowsAsync<MicroVmException>(() => Engine.SyncClockAsync(machine.Id, Silent, CancellationToken.None));
        Assert.Equal(ErrorIds.InvalidMicroVmState, error.ErrorId);
    }

    private static string DetailOf(VirtualMachine machine, string name) => machine.Fixups.Single(fixup => fixup.Name == name).Detail;

    private Task<T> AskAgentAsync<T>(VirtualMachine machine, Func<AgentConnection, Task<T>> question) =>
        GuestAccess.Open(Home.Context, machine.Id, "to be tested").UseAsync(question, CancellationToken.None);

    private Task<TimeSpan> OffsetAsync(VirtualMachine machine) => AskAgentAsync(machine, async agent =>
    {
        long time = AgentCalls.Number(await agent.CallAsync(new AgentRequest("guest-get-time"), CancellationToken.None));
        return DateTime.UnixEpoch.AddTicks(time / 100) - DateTime.UtcNow;
    });

    // By the agent alone, so that it says something of a guest whose workload is frozen.
    private Task<string> ReadAsync(VirtualMachine machine, string path) => AskAgentAsync(machine, async agent =>
    {
        long file = await agent.OpenFileAsync(path, "r", CancellationToken.None);
        byte[] content = await agent.ReadFileAsync(file, CancellationToken.None);
        await agent.CloseFileAsync(file, CancellationToken.None);
        return Encoding.UTF8.GetString(content).TrimEnd('\n');
    });

    private async Task<string> CountOfGuardsAsync(VirtualMachine machine) =>
        (await ReadAsync(machine, "/sys/fs/cgroup/guard/cgroup.procs")).Split('\n', StringSplitOptions.RemoveEmptyEntries).Length.ToString(CultureInfo.InvariantCulture);

    private async Task<string> CountOfProcessesAsync(VirtualMachine machine)
    {
        // Of those with a program; the kernel's threads come and go.
        AgentExecStatus status = await AgentProcess.RunScriptAsync(
            GuestAccess.Open(Home.Context, machine.Id, "to be tested"),
            "n=0; for p in /proc/[0-9]*/exe; do [ -e $p ] && n=$((n+1)); done; echo $n",
            [],
            default,
            CancellationToken.None);
        return Encoding.UTF8.GetString(status.Output).Trim();
    }
}
