using System.Management.Automation;
using MicroVm.Commands.Completion;
using MicroVm.Engine;
using MicroVm.Engine.Errors;
using MicroVm.Engine.Machines;

namespace MicroVm.Commands;

/// <summary>Add-MicroVmNetworkInterface: connects VMs to one more network, while they run as well.</summary>
[Cmdlet(
    VerbsCommon.Add,
    Nouns.MicroVmNetworkInterface,
    DefaultParameterSetName = ParameterSets.Name,
    SupportsShouldProcess = true,
    ConfirmImpact = ConfirmImpact.Low)]
[OutputType(typeof(VirtualMachine))]
public sealed class AddMicroVmNetworkInterfaceCommand : StateChangingCmdlet, IInterfaceParameters
{
    /// <summary>What the VM is connected to: Nat, User, Bridge, Tap, or a named network.</summary>
    [Parameter(Position = 1)]
    [ValidateNotNull]
    [NetworkTransformation]
    [ArgumentCompleter(typeof(NetworkNameCompleter))]
    public NetworkInterfaceSpec[] Network { get; set; } = [];

    /// <inheritdoc/>
    [Parameter]
    [ValidateNotNullOrEmpty]
    public string? BridgeName { get; set; }

    /// <inheritdoc/>
    [Parameter]
    [ValidateNotNullOrEmpty]
    public string? TapDevice { get; set; }

    /// <inheritdoc/>
    [Parameter]
    [ValidateNotNullOrEmpty]
    public string? NetworkNamespace { get; set; }

    /// <inheritdoc/>
    [Parameter]
    [ValidateNotNullOrEmpty]
    public string? MacAddress { get; set; }

    /// <inheritdoc/>
    [Parameter]
    [ValidateNotNullOrEmpty]
    public string? IPAddress { get; set; }

    /// <inheritdoc/>
    [Parameter]
    [ValidateNotNullOrEmpty]
    public string? Gateway { get; set; }

    private protected override string Action => $"Add a network interface: {Network.FirstOrDefault()?.ToString() ?? BridgeName ?? TapDevice}";

    private protected override Task<VirtualMachine> ChangeAsync(VirtualMachine vm, IOperationObserver observer, CancellationToken cancellationToken) =>
        Engine.AddInterfaceAsync(vm.Id, One(), observer, cancellationToken);

    private NetworkInterfaceSpec One() => InterfaceParameters.Merge(this, Network, this) is [var one]
        ? one
        : throw new MicroVmException(ErrorIds.InvalidMicroVmSpec, ErrorKind.InvalidArgument, "One network interface is added at a time.")
        {
            RecommendedAction = "Give one network: -Network Nat, or -BridgeName br0. Repeat the command for more.",
        };
}
