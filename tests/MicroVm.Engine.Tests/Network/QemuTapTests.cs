using Microsoft.Win32.SafeHandles;
using MicroVm.Engine.Isolation;
using MicroVm.Engine.Native;
using MicroVm.Engine.Network;
using MicroVm.Engine.Tests.Support;

namespace MicroVm.Engine.Tests.Network;

public sealed class QemuTapTests
{
    [QemuNetworkFact]
    public void Qemu_takes_the_TAP_as_a_descriptor_in_an_empty_namespace_of_its_own()
    {
        string program = ProgramFinder.Find("qemu-system-x86_64")!;
        using Scratch scratch = new();
        using TestNamespace host = new();
        NetworkLink link = NetworkLink.Raise(host.Network, ipv6: true);
        File.WriteAllText(scratch.File("input"), "info network\nquit\n");
        using SafeFileHandle input = File.OpenHandle(scratch.File("input"));
        using SafeFileHandle output = File.OpenHandle(scratch.File("output"), FileMode.CreateNew, FileAccess.Write, FileShare.ReadWrite);
        string[] command =
        [
            program, "-nodefaults", "-display", "none", "-S", "-monitor", "stdio",
            "-netdev", "tap,id=n0,fd=3", "-device", "virtio-net-pci,netdev=n0,mac=02:fc:00:00:00:05",
        ];
        using NamespaceThread thread = new(Directory.CreateDirectory(scratch.File("tmp")).FullName);

        int child = thread.Run(() => ProcessSpawn.Spawn(program, command, ["PATH=/usr/bin:/bin"], [input, output, output, link.Tap]));
        using ProcessDescriptor process = ProcessDescriptor.TryOpen(child)!;
        bool ended = process.WaitForEnd(Limits.Generous, CancellationToken.None);
        process.Signal(Signals.Kill);
        Assert.True(process.WaitForEnd(Limits.Generous, CancellationToken.None));
        ProcessExit? exit = process.TryReap();

        string said = File.ReadAllText(scratch.File("output"));
        Assert.True(ended && exit is { Code: 0 }, said);
        Assert.Contains("n0: index=0,type=tap,fd=3", said, StringComparison.Ordinal);
        // The link has outlived the VMM, for it is ours too.
        Assert.NotNull(host.Network.Run(sockets => HostRoutes.IndexOf(sockets, link.Name)));
        link.Dispose();
        Assert.True(SpinWait.SpinUntil(() => host.Network.Run(sockets => HostRoutes.IndexOf(sockets, link.Name)) is null, Limits.Generous));
    }
}
