using MicroVm.Engine.Guest;
using MicroVm.Engine.Guest.Commands;
using MicroVm.Engine.Keeper;
using MicroVm.Engine.Machines;
using MicroVm.Engine.Native;
using MicroVm.Engine.Tests.Support;

namespace MicroVm.Engine.Tests.RealQemu;

public sealed class LogBoundTests(QemuHome home) : QemuTests(home)
{
    private static readonly LogBound s_bound = new(Longest: 256 << 10, Kept: 128 << 10);

    [QemuFact]
    public async Task A_guest_that_prints_for_ever_does_not_fill_the_disk()
    {
        VirtualMachine machine = await Engine.CreateAsync(QemuHome.Small with { Name = "web" }, start: true, Silent, CancellationToken.None);
        await Engine.WaitReadyAsync(machine.Id, TimeSpan.FromSeconds(90), Silent, CancellationToken.None);
        using CancellationTokenSource stop = new();
        using KeeperLock held = KeeperLock.TryAcquire(Home.Paths)!;
        KeeperOptions options = new() { LogBound = s_bound, LogInterval = TimeSpan.FromMilliseconds(20) };
        List<string> said = [];
        Task keeping = Task.Run(() => new KeeperWork(Home.Context, options, said.Add).RunAsync(held, stop.Token));
        await Engine.RunCommandAsync(
            machine.Id, new GuestCommand { FilePath = "sh", ArgumentList = ["-c", "yes 'a line of many words that is printed for ever' > /dev/console &"] },
            _ => Task.CompletedTask, Silent, CancellationToken.None);

        string log = machine.SerialLogPath!;
        using (FileWatch written = new(log))
        {
            long deadline = Environment.TickCount64 + 60_000;
            while (new FileInfo(log).Length < 3 << 19)
            {
                written.Clear();
                Assert.True(Environment.TickCount64 < deadline, $"The guest printed no more than {new FileInfo(log).Length} bytes.");
                await Task.Run(() => Polling.WaitAny(TimeSpan.FromSeconds(1), CancellationToken.None, written.Handle));
            }
        }

        await Engine.SuspendAsync(machine.Id, Silent, CancellationToken.None);
        Assert.InRange(FileUsage.AllocatedBytes(log), 0, 1 << 20);
        Assert.Empty(said);
        List<string> lines = [];
        await foreach (string line in Engine.ReadLogAsync(machine.Id, LogSource.Serial, null, follow: false, CancellationToken.None))
        {
            lines.Add(line);
        }

        Assert.InRange(lines.Count, 1000, 21_000);
        Assert.All(lines, line => Assert.DoesNotContain('\0', line));

        // The words that say so are gone from the log.
        await Engine.ResumeAsync(machine.Id, Silent, CancellationToken.None);
        await Engine.WaitReadyAsync(machine.Id, TimeSpan.Zero, Silent, CancellationToken.None);
        await stop.CancelAsync();
        await keeping.ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
    }
}
