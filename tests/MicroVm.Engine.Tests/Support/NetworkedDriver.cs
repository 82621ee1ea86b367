using MicroVm.Engine.Vmm;
using MicroVm.Engine.Vmm.Qemu;

namespace MicroVm.Engine.Tests.Support;

/// <summary>QEMU's driver with a network device whose other end is QEMU itself, and leads no further.</summary>
internal sealed class NetworkedDriver : IVmmDriver
{
    private readonly QemuDriver _qemu = new();

    public HypervisorKind Kind => _qemu.Kind;

    public VmmCapabilities Capabilities => _qemu.Capabilities;

    public string FindProgram(string? path) => _qemu.FindProgram(path);

    public Task<string> ProbeVersionAsync(string program, CancellationToken cancellationToken) => _qemu.ProbeVersionAsync(program, cancellationToken);

    public string SerialSocketIn(string runDirectory) => _qemu.SerialSocketIn(runDirectory);

    public VmmAgentEndpoint AgentEndpointIn(string runDirectory) => _qemu.AgentEndpointIn(runDirectory);

    public VmmCommand Prepare(VmmMachine machine)
    {
        VmmCommand command = _qemu.Prepare(machine);
        return command with
        {
            Arguments = [.. command.Arguments, "-netdev", "user,id=n0,restrict=on", "-device", "virtio-net-pci,netdev=n0,mac=02:00:00:00:00:05,romfile="],
        };
    }

    public Task<IVmmConnection> ConnectAsync(string runDirectory, CancellationToken cancellationToken) => _qemu.ConnectAsync(runDirectory, cancellationToken);
}
