using System.Text.RegularExpressions;
using MicroVm.Engine.Errors;
using MicroVm.Engine.Native;

namespace MicroVm.Engine.Vmm.Qemu;

/// <summary>QEMU's system emulator with the q35 machine, which boots every time under TCG as under KVM and has PCI, ACPI and hot-plug.</summary>
internal sealed partial class QemuDriver : IVmmDriver
{
    private static readonly HostTool s_tool = new("qemu-system-x86_64", "qemu-system-x86");
    private static readonly TimeSpan s_connectLimit = TimeSpan.FromSeconds(20);
    private static readonly TimeSpan s_probeLimit = TimeSpan.FromSeconds(10);

    /// <inheritdoc/>
    public HypervisorKind Kind => HypervisorKind.Qemu;

    /// <inheritdoc/>
    public VmmCapabilities Capabilities { get; } = new() { MinimumVersion = new Version(7, 2), MaximumCpuCount = 255, CanHotPlugInterfaces = true };

    /// <inheritdoc/>
    public string FindProgram(string? path)
    {
        if (path is null)
        {
            return s_tool.Find()
                ?? throw new MicroVmException(ErrorIds.HypervisorNotFound, ErrorKind.NotInstalled, $"QEMU ({s_tool.Name}) is not installed.")
                {
                    Target = s_tool.Name,
                    RecommendedAction = "Install it: sudo apt-get install qemu-system-x86 (Debian, Ubuntu), sudo dnf install qemu-system-x86 (Fedora).",
                };
        }

        return ProgramFinder.IsExecutable(path)
            ? path
            : throw new MicroVmException(
                ErrorIds.HypervisorNotFound, ErrorKind.NotInstalled, File.Exists(path) ? $"'{path}' is not executable." : $"There is no program '{path}'.")
            {
                Target = path,
                RecommendedAction = $"Give the path of {s_tool.Name}.",
            };
    }

    /// <inheritdoc/>
    public async Task<string> ProbeVersionAsync(string program, CancellationToken cancellationToken)
    {
        MicroVmException? failure = null;
        try
        {
            string output = await (s_tool with { Name = program }).RunAsync(["--version"], s_probeLimit, cancellationToken);
            if (VersionPattern().Match(output) is { Success: true } match)
            {
                return match.Groups[1].Value;
            }
        }
        catch (MicroVmException exception) when (exception.ErrorId == ErrorIds.ToolFailed)
        {
            failure = exception;
        }

        throw new MicroVmException(ErrorIds.HypervisorNotFound, ErrorKind.Protocol, $"'{program} --version' did not name a version of QEMU.", failure) { Target = program };
    }

    /// <inheritdoc/>
    public string SerialSocketIn(string runDirectory) => QemuLaunch.SerialSocketIn(runDirectory);

    /// <inheritdoc/>
    public VmmAgentEndpoint AgentEndpointIn(string runDirectory) => new(VmmAgentTransport.VirtioSerial, QemuLaunch.AgentPipeIn(runDirectory));

    /// <inheritdoc/>
    public VmmCommand Prepare(VmmMachine machine) => QemuLaunch.Compose(machine.Program, machine);

    /// <inheritdoc/>
    public async Task<IVmmConnection> ConnectAsync(string runDirectory, CancellationToken cancellationToken) =>
        new QemuConnection(await QemuApi.ConnectAsync(QemuLaunch.ControlSocketIn(runDirectory), s_connectLimit, cancellationToken));

    [GeneratedRegex(@"version (\d+\.\d+\.\d+)")]
    private static partial Regex VersionPattern();
}
