using System.Net;
using System.Net.Sockets;
using System.Text;
using MicroVm.Engine.Guest.Commands;
using MicroVm.Engine.Machines;
using MicroVm.Engine.Native;
using MicroVm.Engine.Network;
using MicroVm.Engine.Snapshots;
using MicroVm.Engine.Tests.Network;
using MicroVm.Engine.Tests.Support;
using MicroVm.Engine.Vmm;

namespace MicroVm.Engine.Tests.RealQemu;

/// <summary>Guests behind passt.</summary>
public sealed class PasstGuestTests : QemuTests
{
    private const string Page = "a page";

    private readonly AttachedDriver _driver = new();
    private readonly EngineContext _context;

    public PasstGuestTests(QemuHome home)
        : base(home) => _context = new EngineContext(home.Paths, [_driver]);

    [QemuPasstFact]
    public async Task Guest_fetches_and_serves_also_when_restored_and_takes_passt_along()
    {
        using PasstWorld world = new(ipv6: true);
        PublishedPort port = new("127.0.0.1", 8080, 80);
        VirtualMachine machine;
        ProcessDescriptor first;
        using (NetworkBackend backend = world.Start(port))
        {
            first = Give(backend);
            machine = await BootPlan.CreateAsync(
                _context, QemuHome.Small with { Name = "web", KernelArguments = KernelLine.Network([PasstWorld.Device], "web") }, start: true, Silent, CancellationToken.None);
        }

        await WaitPlan.ReadyAsync(_context, machine.Id, TimeSpan.FromSeconds(90), Silent, CancellationToken.None);
        await AskAsync(machine, $"echo '{Page}' >/root/page; nc -ll -p 80 -e cat /root/page </dev/null >/dev/null 2>&1 & until netstat -ltn | grep -q ':80 '; do usleep 10000; done");
        await AssertConnectedAsync(world, machine);
        Snapshot snapshot = await SavePlan.SaveAsync(_context, machine.Id, "snapshot", null, Silent, CancellationToken.None);
        await RemovePlan.RemoveAsync(_context, machine.Id, force: true, Silent, CancellationToken.None);
        AssertEnds(first);

        ProcessDescriptor second;
        using (NetworkBackend backend = world.Start(port))
        {
            second = Give(backend);
            machine = await RestorePlan.RestoreAsync(_context, snapshot.SnapshotId, new RestoreOptions { NewName = "clone" }, Silent, CancellationToken.None);
        }

        await AssertConnectedAsync(world, machine);
        using (ProcessDescriptor vmm = ProcessDescriptor.TryOpen(machine.ProcessId!.Value)!)
        {
            vmm.Signal(Signals.Kill);
        }

        AssertEnds(second);
    }

    private ProcessDescriptor Give(NetworkBackend backend)
    {
        _driver.Interfaces = [new VmmInterface(backend.Handle, VmmInterfaceKind.Stream, PasstWorld.GuestMac)];
        return ProcessDescriptor.TryOpen(backend.Helper!.ProcessId)!;
    }

    private async Task AssertConnectedAsync(PasstWorld world, VirtualMachine machine)
    {
        using Socket listener = world.World.Listener(PasstWorld.WorldAddress, 9000);
        Task<string> fetch = AskAsync(machine, $"nc {PasstWorld.WorldAddress} 9000 -e dd of=/root/got 2>/dev/null; cat /root/got");
        Assert.True(listener.Poll(Limits.Generous, SelectMode.SelectRead));
        using (Socket accepted = listener.Accept())
        {
            accepted.Send("from the world\n"u8);
        }

        Assert.Equal("from the world\n", await fetch);
        using Socket caller = world.Host.Socket(SocketType.Stream);
        caller.Connect(IPAddress.Loopback, 8080);
        caller.Send("."u8);
        byte[] buffer = new byte[64];
        Assert.Equal(Page + "\n", Encoding.ASCII.GetString(buffer, 0, caller.Receive(buffer)));
    }

    private static void AssertEnds(ProcessDescriptor passt)
    {
        using (passt)
        {
            Assert.True(passt.WaitForEnd(Limits.Generous, CancellationToken.None));
            passt.TryReap();
        }
    }

    private async Task<string> AskAsync(VirtualMachine machine, string script)
    {
        StringBuilder said = new();
        await CommandPlan.RunAsync(
            _context,
            machine.Id,
            new GuestCommand { Script = script, Timeout = TimeSpan.FromSeconds(30) },
            piece =>
            {
                said.Append(Encoding.UTF8.GetString(piece.Bytes.Span));
                return Task.CompletedTask;
            },
            Silent,
            CancellationToken.None);
        return said.ToString();
    }
}
