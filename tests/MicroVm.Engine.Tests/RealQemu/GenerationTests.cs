using MicroVm.Engine.Guest.Commands;
using MicroVm.Engine.Machines;
using MicroVm.Engine.Snapshots;
using MicroVm.Engine.Tests.Support;

namespace MicroVm.Engine.Tests.RealQemu;

/// <summary>Snapshots of restored guests, three deep, with every kind of device: disk, network, serial ports, random numbers.</summary>
public sealed class GenerationTests(QemuHome home) : QemuTests(home)
{
    private const string AddressOfDevice = "02:00:00:00:00:05";

    private readonly EngineContext _context = new(home.Paths, [new NetworkedDriver()]);

    [QemuTheory]
    [InlineData(false)]
    [InlineData(true)]
    public async Task All_devices_work_after_three_generations(bool paused)
    {
        VirtualMachine machine = await BootPlan.CreateAsync(_context, QemuHome.Small with { Name = "generation-0" }, start: true, Silent, CancellationToken.None);
        await WaitPlan.ReadyAsync(_context, machine.Id, TimeSpan.FromSeconds(90), Silent, CancellationToken.None);
        // The image does not load the driver by itself; up, the device's queues are in use.
        Assert.Equal("", await RunAsync(machine, "modprobe virtio_net && ip link set eth0 up && ip addr add 10.0.2.15/24 dev eth0"));
        for (int generation = 1; generation <= 3; generation++)
        {
            Assert.Equal("", await RunAsync(machine, $"echo disk-{generation} >/root/{generation}; echo memory-{generation} >/dev/shm/{generation}"));
            if (paused)
            {
                await PausePlan.SuspendAsync(_context, machine.Id, Silent, CancellationToken.None);
            }

            Snapshot snapshot = await SavePlan.SaveAsync(_context, machine.Id, $"snapshot-{generation}", null, Silent, CancellationToken.None);
            Assert.Equal(paused, snapshot.PauseDuration == TimeSpan.Zero);
            await RemovePlan.RemoveAsync(_context, machine.Id, force: true, Silent, CancellationToken.None);
            machine = await RestorePlan.RestoreAsync(
                _context, snapshot.SnapshotId, new RestoreOptions { NewName = $"generation-{generation}" }, Silent, CancellationToken.None);
        }

        Assert.Equal("disk-1\ndisk-2\ndisk-3\nmemory-1\nmemory-2\nmemory-3\n", await RunAsync(machine, "cat /root/[123] /dev/shm/[123]"));
        Assert.Equal($"{AddressOfDevice}\nup\n", await RunAsync(machine, "cat /sys/class/net/eth0/address /sys/class/net/eth0/operstate"));
        // Both ways.
        Assert.Contains("1 packets received", await RunAsync(machine, "ping -c 1 -W 5 10.0.2.2"), StringComparison.Ordinal);
        Assert.Equal("64\n", await RunAsync(machine, "head -c 64 /dev/hwrng | wc -c"));
        Assert.Equal("0\n", await RunAsync(machine, "sync; dmesg | grep -c -E 'EXT4-fs error|I/O error|NETDEV WATCHDOG'"));
    }

    private async Task<string> RunAsync(VirtualMachine machine, string script)
    {
        System.Text.StringBuilder said = new();
        await CommandPlan.RunAsync(
            _context,
            machine.Id,
            new GuestCommand { Script = script, Timeout = TimeSpan.FromSeconds(30) },
            piece =>
            {
                said.Append(System.Text.Encoding.UTF8.GetString(piece.Bytes.Span));
                return Task.CompletedTask;
            },
            Silent,
            CancellationToken.None);
        return said.ToString();
    }
}
