using System.Collections;
using MicroVm.Engine;

namespace MicroVm.Commands.Completion;

/// <summary>Completes names of named networks, and for cmdlets that make VMs the modes that need no name.</summary>
public sealed class NetworkNameCompleter : NameCompleter
{
    private static readonly Candidate[] s_modes =
    [
        new("None", "No network"),
        new(nameof(NetworkMode.Nat), "Out through the host, with an address and published ports; needs root"),
        new(nameof(NetworkMode.User), "Out as a program of the user's, by passt"),
        new(nameof(NetworkMode.Bridge), "A bridge of the host's: -BridgeName"),
        new(nameof(NetworkMode.Tap), "A TAP device that is there: -TapDevice"),
    ];

    private protected override IEnumerable<Candidate> Find(MicroVmEngine engine, string commandName, IDictionary boundParameters)
    {
        IEnumerable<Candidate> named = engine.GetNetworks().Select(network => new Candidate(network.Name, network.Description));
        return commandName is "New-MicroVm" or "New-MicroVmSpec" ? s_modes.Concat(named) : named;
    }
}
