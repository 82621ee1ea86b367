using MicroVm.Engine.Errors;
using MicroVm.Engine.State;
using MicroVm.Engine.Storage;

namespace MicroVm.Engine.Machines;

/// <summary>Makes, lists and removes named networks.</summary>
internal static class NamedNetworkPlan
{
    private static readonly string[] s_reserved = ["None", .. Enum.GetNames<NetworkMode>()];

    /// <summary>Makes a network.</summary>
    public static NamedNetwork Create(EngineContext context, string name, string? description)
    {
        NameRule.Check(name, "network");
        if (s_reserved.Contains(name, StringComparer.OrdinalIgnoreCase))
        {
            throw new MicroVmException(ErrorIds.InvalidMicroVmSpec, ErrorKind.InvalidArgument, $"'{name}' is a mode of networks and cannot be the name of one.")
            {
                Target = name,
                RecommendedAction = "Choose another name.",
            };
        }

        try
        {
            return Of(context.Networks.Create(name, MachineLabels.CheckDescription(description)), []);
        }
        catch (Exception exception) when (exception is IOException or UnauthorizedAccessException)
        {
            throw StorageErrors.Wrap(exception, context.Paths.NetworksDirectory);
        }
    }

    /// <summary>All networks, with the VMs in them.</summary>
    public static IReadOnlyList<NamedNetwork> List(EngineContext context)
    {
        ILookup<string, string> members = Members(context).ToLookup(member => member.Network, member => member.Machine, StringComparer.OrdinalIgnoreCase);
        return [.. context.Networks.All().Select(network => Of(network, members[network.Name]))];
    }

    /// <summary>Removes a network that no VM is in.</summary>
    /// <exception cref="MicroVmException"><see cref="ErrorIds.NetworkNotFound"/>, <see cref="ErrorIds.NetworkInUse"/>.</exception>
    public static void Remove(EngineContext context, string name)
    {
        NamedNetworkStore.Entry network = context.Networks.Get(name);
        string[] members = [.. Members(context).Where(member => NameClaims.AreSame(member.Network, name)).Select(member => member.Machine).Order(StringComparer.OrdinalIgnoreCase)];
        if (members.Length > 0)
        {
            throw new MicroVmException(ErrorIds.NetworkInUse, ErrorKind.Busy, $"VMs are in network '{network.Name}': {string.Join(", ", members)}.")
            {
                Target = network.Name,
                RecommendedAction = "Remove them first: Remove-MicroVm",
            };
        }

        if (!context.Networks.Delete(name))
        {
            throw NamedNetworkStore.NotFound(name);
        }
    }

    private static IEnumerable<(string Network, string Machine)> Members(EngineContext context) =>
        from id in context.Machines.Ids()
        let record = MachineView.TryRead(context, id)
        where record is not null
        from one in record.Hardware.Interfaces
        where one.Mode == NetworkMode.Named
        select (one.Name!, record.Name);

    private static NamedNetwork Of(NamedNetworkStore.Entry entry, IEnumerable<string> members) => new()
    {
        Name = entry.Name,
        Description = entry.Description,
        CreatedAt = entry.CreatedAt,
        // An array, so that PowerShell can slice it.
        VMName = members.Distinct().Order(StringComparer.OrdinalIgnoreCase).ToArray(),
    };
}
