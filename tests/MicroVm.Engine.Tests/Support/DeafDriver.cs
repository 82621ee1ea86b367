using MicroVm.Engine.Vmm;
using MicroVm.Engine.Vmm.Qemu;

namespace MicroVm.Engine.Tests.Support;

/// <summary>QEMU's driver, but when a VMM has started, something else happens instead of a conversation with it.</summary>
internal sealed class DeafDriver(Action<string> started) : IVmmDriver
{
    private readonly QemuDriver _qemu = new();

    public HypervisorKind Kind => _qemu.Kind;

    public VmmCapabilities Capabilities => _qemu.Capabilities;

    public string FindProgram(string? path) => _qemu.FindProgram(path);

    public Task<string> ProbeVersionAsync(string program, CancellationToken cancellationToken) => _qemu.ProbeVersionAsync(program, cancellationToken);

    public string SerialSocketIn(string runDirectory) => _qemu.SerialSocketIn(runDirectory);

    public VmmAgentEndpoint AgentEndpointIn(string runDirectory) => _qemu.AgentEndpointIn(runDirectory);

    public VmmCommand Prepare(VmmMachine machine) => _qemu.Prepare(machine);

    public async Task<IVmmConnection> ConnectAsync(string runDirectory, CancellationToken cancellationToken)
    {
        // Until it answers, so that the VMM is up for certain.
        IVmmConnection connection = await _qemu.ConnectAsync(runDirectory, cancellationToken);
        await connection.DisposeAsync();
        started(runDirectory);
        throw new OperationCanceledException();
    }
}
