using MicroVm.Engine.Vmm;
using MicroVm.Engine.Vmm.Qemu;

namespace MicroVm.Engine.Tests.Support;

/// <summary>QEMU's driver with network interfaces that the test has made.</summary>
internal sealed class AttachedDriver : IVmmDriver
{
    private readonly QemuDriver _qemu = new();

    /// <summary>What the next VMMs get.</summary>
    public IReadOnlyList<VmmInterface> Interfaces { get; set; } = [];

    public HypervisorKind Kind => _qemu.Kind;

    public VmmCapabilities Capabilities => _qemu.Capabilities;

    public string FindProgram(string? path) => _qemu.FindProgram(path);

    public Task<string> ProbeVersionAsync(string program, CancellationToken cancellationToken) => _qemu.ProbeVersionAsync(program, cancellationToken);

    public string SerialSocketIn(string runDirectory) => _qemu.SerialSocketIn(runDirectory);

    public VmmAgentEndpoint AgentEndpointIn(string runDirectory) => _qemu.AgentEndpointIn(runDirectory);

    public VmmCommand Prepare(VmmMachine machine) => _qemu.Prepare(machine with { Interfaces = Interfaces });

    public Task<IVmmConnection> ConnectAsync(string runDirectory, CancellationToken cancellationToken) => _qemu.ConnectAsync(runDirectory, cancellationToken);
}
