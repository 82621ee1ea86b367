using System.Management.Automation;
using MicroVm.Engine;
using MicroVm.Engine.Errors;
using MicroVm.Engine.Machines;

namespace MicroVm.Commands;

/// <summary>Makes network interfaces of what several parameters say.</summary>
internal static class InterfaceParameters
{
    /// <summary>Adds what parameters say of one interface to the interfaces that were chosen; alone they make one.</summary>
    /// <param name="cmdlet">Whose location relative paths begin at.</param>
    /// <param name="chosen">The interfaces that were chosen.</param>
    /// <param name="details">What is said of one.</param>
    /// <exception cref="MicroVmException"><see cref="ErrorIds.InvalidMicroVmSpec"/>: there are several.</exception>
    public static IReadOnlyList<NetworkInterfaceSpec> Merge(PSCmdlet cmdlet, IReadOnlyList<NetworkInterfaceSpec> chosen, IInterfaceParameters details)
    {
        string? detail = details.BridgeName ?? details.TapDevice ?? details.NetworkNamespace ?? details.MacAddress ?? details.IPAddress ?? details.Gateway;
        if (detail is null)
        {
            return [.. chosen.Select(one => WithPath(cmdlet, one))];
        }

        if (chosen.Count > 1)
        {
            throw new MicroVmException(ErrorIds.InvalidMicroVmSpec, ErrorKind.InvalidArgument, $"'{detail}' is said of one interface, and there are {chosen.Count}.")
            {
                Target = detail,
                RecommendedAction = "Give a table for each interface: -Network Nat, @{ Mode = 'Bridge'; Name = 'br0'; IPAddress = '192.0.2.5/24' }",
            };
        }

        NetworkInterfaceSpec one = chosen.Count == 1 ? chosen[0] : new NetworkInterfaceSpec { Mode = details.BridgeName is null ? NetworkMode.Tap : NetworkMode.Bridge };
        return
        [
            WithPath(cmdlet, one with
            {
                Name = details.BridgeName ?? one.Name,
                TapDevice = details.TapDevice ?? one.TapDevice,
                NetworkNamespace = details.NetworkNamespace ?? one.NetworkNamespace,
                MacAddress = details.MacAddress ?? one.MacAddress,
                IPAddress = details.IPAddress ?? one.IPAddress,
                Gateway = details.Gateway ?? one.Gateway,
            }),
        ];
    }

    // What has no slash is a name of "ip netns".
    private static NetworkInterfaceSpec WithPath(PSCmdlet cmdlet, NetworkInterfaceSpec one) =>
        one.NetworkNamespace?.Contains('/', StringComparison.Ordinal) == true ? one with { NetworkNamespace = FilePath.Resolve(cmdlet, one.NetworkNamespace) } : one;
}
