using System.Security.Cryptography;
using System.Text;
using MicroVm.Engine.Errors;
using MicroVm.Engine.Guest;
using MicroVm.Engine.Machines;
using MicroVm.Engine.Snapshots;
using MicroVm.Engine.State;
using MicroVm.Engine.Tests.Support;

namespace MicroVm.Engine.Tests.RealQemu;

/// <summary>What guests are told of themselves, and what their kernels are.</summary>
public sealed class ConfigurationTests(QemuHome home) : QemuTests(home)
{
    private const string Key = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIEkqKioqKioqKioqKioqKioqKioqKioqKioqKioqKioq it's: \"me\" # 1 \\";
    private const string Script = "#!/bin/sh\necho run >>/root/runs\necho \"$(id -u) $(hostname) $PWD $HOME\"\n";

    private static readonly VirtualMachineSpec s_spec = QemuHome.Small with { Name = "web", Hostname = "www.example.org", AuthorizedKeys = [Key, Key], UserData = Script };

    [QemuFact]
    public async Task Guest_has_its_name_keys_and_user_data_and_runs_that_once()
    {
        VirtualMachine machine = await BootAsync(s_spec);
        Guest guest = new(machine);
        Assert.Equal("www.example.org", machine.Hostname);
        Assert.Equal(UnixFileMode.UserRead | UnixFileMode.UserWrite, File.GetUnixFileMode(DiskOf(machine)));

        await AssertAppliedAsync(guest);
        await guest.AskAsync("echo \"lo\"\"g: $(cat /var/log/user-data.log)\"", "log: 0 www.example.org / /root");
        await guest.AskAsync("echo \"mo\"\"des:\" $(stat -c %a /root/.ssh /root/.ssh/authorized_keys)", "modes: 700 600");
        string sum = Convert.ToHexStringLower(MD5.HashData(Encoding.UTF8.GetBytes($"{Key}\n{Key}\n")));
        await guest.AskAsync("echo \"ke\"\"ys: $(md5sum </root/.ssh/authorized_keys)\"", $"keys: {sum}");
        await guest.AskAsync("grep -q microvm/config /proc/mounts || echo not mou\"\"nted", "not mounted");
        Assert.Contains("microvm: user data is done", guest.Text, StringComparison.Ordinal);

        await Home.StopAsync(machine, StopMode.Graceful);
        machine = await WaitAsync(await Engine.StartAsync(machine.Id, Silent, CancellationToken.None));
        await AssertAppliedAsync(new Guest(machine));
    }

    [QemuFact]
    public async Task Snapshot_keeps_the_configuration_disk_for_rollbacks_and_clones()
    {
        VirtualMachine machine = await BootAsync(s_spec);
        Guest guest = new(machine);
        await AssertAppliedAsync(guest);
        await guest.StartCountingAsync();
        Snapshot snapshot = await Home.SaveAsync(machine, "golden");

        machine = await Home.RestoreAsync(snapshot, null);
        await new Guest(machine).NextTickAsync();

        await Home.RemoveAsync(machine);
        VirtualMachine clone = await Home.RestoreAsync(snapshot, "clone");
        Assert.Equal("www.example.org", clone.Hostname);
        Assert.Equal("It is 'www.example.org' now.", clone.Fixups.Single(fixup => fixup.Name == GuestFixup.HostName).Detail);
        Guest twin = new(clone);
        await twin.NextTickAsync();
        Guest.AssertContinuous(twin.Ticks);
        // The disk itself, read by the guest past its cache, and the instance: a clone is a copy of it, so nothing is done again.
        string sum = Convert.ToHexStringLower(MD5.HashData(await File.ReadAllBytesAsync(DiskOf(clone))));
        await twin.AskAsync($"\u0003echo 3 >/proc/sys/vm/drop_caches; echo \"di\"\"sk: $(md5sum </dev/vdb)\"", $"disk: {sum}");
        await Home.StopAsync(clone, StopMode.Graceful);
        clone = await WaitAsync(await Engine.StartAsync(clone.Id, Silent, CancellationToken.None));
        await AssertAppliedAsync(new Guest(clone));

        Snapshot second = await Home.SaveAsync(clone, "second");
        File.Delete(Path.Combine(second.Path, BootSource.ConfigurationFile));
        MicroVmException error = await Assert.ThrowsAsync<MicroVmException>(() => Home.RestoreAsync(second, "other"));
        Assert.Equal(ErrorIds.SnapshotCorrupt, error.ErrorId);
        Assert.Contains("'config.iso' is missing", error.Message, StringComparison.Ordinal);
    }

    [QemuFact]
    public async Task Failing_user_data_is_reported_and_keeps_no_guest_from_being_ready()
    {
        VirtualMachine machine = await BootAsync(QemuHome.Small with { Name = "web", UserData = "#!/bin/sh\nuntil [ -e /root/go ]; do usleep 10000; done\nexit 7", DiskBytes = 0 });

        await new Guest(machine).AskAsync("touch /root/go", "microvm: user data failed with exit code 7; /var/log/user-data.log has its words");
    }

    [QemuFact]
    public async Task User_data_for_cloud_init_is_refused_before_anything_is_made()
    {
        MicroVmException error = await Assert.ThrowsAsync<MicroVmException>(
            () => Engine.CreateAsync(QemuHome.Small with { Name = "web", UserData = "#cloud-config\n" }, start: true, Silent, CancellationToken.None));

        Assert.Equal(ErrorIds.InvalidMicroVmSpec, error.ErrorId);
        Assert.Null(Engine.FindMachine("web"));
    }

    [QemuTheory]
    [InlineData(KernelProfile.Wrenn, "console=ttyS0 reboot=k panic=1 quiet loglevel=1 init_on_free=1 clocksource=kvm-clock microvm.overlay=1")]
    [InlineData(KernelProfile.Kata, "console=ttyS0,115200n8 panic=1 no_timer_check noreplace-smp quiet microvm.overlay=1")]
    public async Task Base_boots_with_any_profile(KernelProfile profile, string line)
    {
        VirtualMachine machine = await BootAsync(
            QemuHome.Small with { Name = "web", KernelProfile = profile, Hostname = "named", InitPath = "/sbin/init", KernelArguments = ["no.such=1"] });

        Guest guest = new(machine);
        await guest.AskAsync("echo \"li\"\"ne: $(cat /proc/cmdline)\"", $"{line} microvm.hostname=named init=/sbin/init no.such=1");
        await guest.AskAsync("echo \"na\"\"me: $(hostname)\"", "name: named");
        Assert.False(File.Exists(DiskOf(machine)));
        Assert.Equal("exit code 0", (await Home.StopAsync(machine, StopMode.Graceful)).LastExit);
    }

    [QemuFact]
    public async Task Init_path_is_the_first_process()
    {
        VirtualMachine machine = await Engine.CreateAsync(QemuHome.Small with { Name = "web", InitPath = "/bin/sh" }, start: true, Silent, CancellationToken.None);

        await PromptAsync(machine);
        await new Guest(machine).AskAsync("echo \"pi\"\"d: $$\"", "pid: 1");
    }

    [QemuFact]
    public async Task Init_path_that_is_not_there_ends_the_VM()
    {
        VirtualMachine machine = await Engine.CreateAsync(QemuHome.Small with { Name = "web", InitPath = "/no/init" }, start: true, Silent, CancellationToken.None);

        MicroVmException error = await Assert.ThrowsAsync<MicroVmException>(() => WaitAsync(machine));

        Assert.Equal(ErrorIds.HypervisorExited, error.ErrorId);
        Assert.Contains("microvm: the root file system has no /no/init; powering off", error.Message, StringComparison.Ordinal);
    }

    private static async Task AssertAppliedAsync(Guest guest)
    {
        await guest.AskAsync("echo \"na\"\"me: $(hostname)\"", "name: www.example.org");
        await guest.AskAsync("until [ -s /root/runs ]; do usleep 10000; done; echo \"ru\"\"ns: $(wc -l </root/runs)\"", "runs: 1\r");
    }

    private string DiskOf(VirtualMachine machine) => Path.Combine(Home.Context.Machines.DirectoryOf(machine.Id), BootSource.ConfigurationFile);

    private async Task<VirtualMachine> BootAsync(VirtualMachineSpec spec) => await WaitAsync(await Engine.CreateAsync(spec, start: true, Silent, CancellationToken.None));

    private async Task<VirtualMachine> WaitAsync(VirtualMachine machine)
    {
        machine = await Engine.WaitReadyAsync(machine.Id, TimeSpan.FromSeconds(90), Silent, CancellationToken.None);
        await PromptAsync(machine);
        return machine;
    }

    // What is typed before the shell's prompt may be lost.
    private async Task PromptAsync(VirtualMachine machine)
    {
        MachineRun run = Home.Context.Machines.Read(machine.Id)!.Run!;
        Assert.True(await LogFile.WaitForAsync(machine.SerialLogPath!, run.SerialLogOffset, "# ", run.Process, Limits.Generous, CancellationToken.None));
    }
}
