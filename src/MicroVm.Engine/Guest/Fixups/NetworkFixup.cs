using System.Text;
using MicroVm.Engine.Guest.Agent;
using MicroVm.Engine.State;

namespace MicroVm.Engine.Guest.Fixups;

/// <summary>
/// Tells a restored guest of its network: where an interface has changed its hardware address, addresses, routes and name servers; elsewhere, that its neighbours may be
/// others. Its link may be down meanwhile: an address asked for by DHCP comes within a few seconds of its being up.
/// </summary>
internal static class NetworkFixup
{
    private const string None = "-";

    // The script's exit code.
    private const int NoProgram = 3;

    /// <summary>Does it, in one run of a script; not at all where nothing is different.</summary>
    /// <param name="connection">The conversation.</param>
    /// <param name="agent">The agent it is held with.</param>
    /// <param name="interfaces">The guest's interfaces.</param>
    /// <param name="cancellationToken">Ends the wait.</param>
    public static async Task<(FixupResult Result, string Detail)> RunAsync(
        AgentConnection connection, GuestAgent agent, IReadOnlyList<InterfaceChange> interfaces, CancellationToken cancellationToken)
    {
        if (interfaces.Count == 0)
        {
            return (FixupResult.NotNeeded, "The VM has no network interface.");
        }

        string order = Order(interfaces);
        if (order.Length == 0)
        {
            return (FixupResult.NotNeeded, "To the guest its network is the same.");
        }

        return await RunAsync(connection, agent, order, cancellationToken);
    }

    /// <summary>Has the script carry out an order.</summary>
    /// <param name="connection">The conversation.</param>
    /// <param name="agent">The agent it is held with.</param>
    /// <param name="order">As one of the functions here composes it.</param>
    /// <param name="cancellationToken">Ends the wait.</param>
    public static async Task<(FixupResult Result, string Detail)> RunAsync(
        AgentConnection connection, GuestAgent agent, string order, CancellationToken cancellationToken)
    {
        AgentExecStatus status = await GuestProgram.RunScriptAsync(connection, agent, "network", [], Encoding.UTF8.GetBytes(order), cancellationToken);
        return status.ExitCode switch
        {
            0 => (FixupResult.Done, Line(status.Output)),
            NoProgram => (FixupResult.Skipped, "The guest has no program 'ip' to do it with."),
            _ => (FixupResult.Failed, $"It could not be set up: {Line(status.Errors)}"),
        };
    }

    /// <summary>What the script is told: a line for each interface that something is to be done about.</summary>
    public static string Order(IReadOnlyList<InterfaceChange> interfaces)
    {
        StringBuilder order = new();
        foreach (InterfaceChange one in interfaces.Where(i => i.HasChanged || i.HasOtherNeighbours))
        {
            order.Append(LineOf(one.HasChanged ? "set" : "renew", one.Former.MacAddress, one.Present, one.Present.NameServers));
        }

        return order.ToString();
    }

    /// <summary>What the script is told of an interface that was plugged in.</summary>
    /// <param name="added">The interface.</param>
    /// <param name="nameServers">Those of all the guest's interfaces.</param>
    public static string OrderOfAdded(MachineInterface added, IReadOnlyList<string> nameServers) =>
        LineOf("add", added.MacAddress, added, added.NameServers.Count == 0 ? [] : nameServers);

    /// <summary>What the script is told when an interface was taken out.</summary>
    /// <param name="nameServers">Those of the interfaces that are left.</param>
    public static string OrderOfRemoved(IReadOnlyList<string> nameServers) => $"forget - - - - - - {string.Join(' ', nameServers)}\n";

    private static string LineOf(string what, string formerMac, MachineInterface present, IReadOnlyList<string> nameServers)
    {
        // As the guest's kernel writes them: in small letters.
        string?[] words =
        [
            what,
            formerMac.ToLowerInvariant(),
            present.MacAddress.ToLowerInvariant(),
            present.Address,
            present.Gateway,
            present.AddressV6,
            present.GatewayV6,
            .. nameServers,
        ];
        return string.Join(' ', words.Select(word => word ?? None)) + '\n';
    }

    private static string Line(byte[] output) => PrintableText.Of(Encoding.UTF8.GetString(output).Trim().Replace('\n', ' '));
}
