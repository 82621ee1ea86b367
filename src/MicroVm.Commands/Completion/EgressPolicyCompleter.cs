using System.Collections;
using MicroVm.Engine;

namespace MicroVm.Commands.Completion;

/// <summary>Completes the bases of egress policies.</summary>
public sealed class EgressPolicyCompleter : NameCompleter
{
    private protected override IEnumerable<Candidate> Find(MicroVmEngine engine, string commandName, IDictionary boundParameters) =>
    [
        new(nameof(EgressBase.Internet), "Outside, but no private network, nor the host, nor other VMs"),
        new(nameof(EgressBase.Open), "Wherever the host may go, but not to the host itself, nor to other VMs"),
        new(nameof(EgressBase.None), "Nowhere"),
    ];
}
