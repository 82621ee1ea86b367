using System.Management.Automation;
using MicroVm.Engine;
using MicroVm.Engine.Errors;

namespace MicroVm.Commands.Lookup;

/// <summary>Finds named networks. A literal name that nothing has is a non-terminating error, a pattern without a match is none.</summary>
internal sealed class NetworkLookup(Cmdlet cmdlet, MicroVmEngine engine)
{
    /// <summary>All networks.</summary>
    public IEnumerable<NamedNetwork> All() => ((Func<IEnumerable<NamedNetwork>>)engine.GetNetworks).Guard(cmdlet, null);

    /// <summary>The networks of the given names and patterns.</summary>
    public IEnumerable<NamedNetwork> ByName(string[] names) =>
        NameMatch.Find(cmdlet, names, All(), network => network.Name, ErrorIds.NetworkNotFound, "network");
}
