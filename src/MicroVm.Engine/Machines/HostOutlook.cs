using System.Net;
using MicroVm.Engine.Network;
using MicroVm.Engine.State;

namespace MicroVm.Engine.Machines;

/// <summary>What a new guest has to be told of the host's network.</summary>
/// <param name="HasIPv6">Whether the host has a way out with IPv6, and addresses of it for VMs.</param>
/// <param name="Resolvers">The host's name servers.</param>
internal sealed record HostOutlook(bool HasIPv6, IReadOnlyList<IPAddress> Resolvers)
{
    // Of what is given out on the Internet, nobody's in particular.
    private static readonly IPAddress s_somewhereV6 = IPAddress.Parse("2000::1");

    /// <summary>Looks at the host.</summary>
    public static HostOutlook Of(EngineContext context)
    {
        bool hasPool = PoolOf(context).Six is not null;
        return context.HostNetwork.Run(sockets => new HostOutlook(
            hasPool && sockets.HasIPv6 && HostRoutes.LeadsTo(sockets, s_somewhereV6),
            Network.Resolvers.Read(context.ResolverFile).Addresses));
    }

    /// <summary>The addresses VMs are given.</summary>
    public static AddressPool PoolOf(EngineContext context)
    {
        HostSettings settings = context.Settings.Current;
        return new AddressPool(settings.AddressPool, settings.AddressPoolV6);
    }

    /// <summary>Refuses a pool that overlaps one of the host's networks.</summary>
    public static void CheckPool(EngineContext context, AddressPool pool) => context.HostNetwork.Run(sockets => pool.CheckAgainst(HostRoutes.List(sockets)));
}
