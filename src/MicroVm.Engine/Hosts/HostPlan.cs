using System.Net.Sockets;
using MicroVm.Engine.Errors;
using MicroVm.Engine.Machines;
using MicroVm.Engine.Network;
using MicroVm.Engine.State;
using MicroVm.Engine.Storage;

namespace MicroVm.Engine.Hosts;

/// <summary>Shows and changes what is set for the host.</summary>
internal static class HostPlan
{
    // A pool has at least one address besides the first and the last; IPv6 pools have room for as many as IPv4 ones can have.
    private const int LongestPrefix = 30;
    private const int LongestPrefixV6 = 96;

    /// <summary>What is set, and how much of it is used.</summary>
    public static MicroVmHost Get(EngineContext context)
    {
        HostSettings settings = context.Settings.Current;
        return new MicroVmHost
        {
            AddressPool = settings.AddressPool.ToString(),
            IPv6AddressPool = settings.AddressPoolV6?.ToString(),
            AddressCount = HostOutlook.PoolOf(context).Capacity,
            AddressesInUse = context.Slots.All().Count(),
            SpareSlots = settings.SpareSlots,
            SpareSlotsReady = context.SpareLinks.CountReady(),
        };
    }

    /// <summary>Sets what is to be set.</summary>
    /// <exception cref="MicroVmException"><see cref="ErrorIds.AddressPoolOverlap"/>; <see cref="ErrorIds.NetworkInUse"/>: VMs have addresses of the pool.</exception>
    public static MicroVmHost Set(EngineContext context, HostUpdate update)
    {
        HostSettings before = context.Settings.Current;
        HostSettings after = before with
        {
            AddressPool = update.AddressPool is { } four ? NetworkRules.CheckPool(four, AddressFamily.InterNetwork, LongestPrefix) : before.AddressPool,
            AddressPoolV6 = update.IPv6AddressPool is not { } six ? before.AddressPoolV6
                : six.Length == 0 ? null
                : NetworkRules.CheckPool(six, AddressFamily.InterNetworkV6, LongestPrefixV6),
            SpareSlots = update.SpareSlots ?? before.SpareSlots,
        };
        if (after.AddressPool != before.AddressPool || after.AddressPoolV6 != before.AddressPoolV6)
        {
            RequireUnused(context);
            HostOutlook.CheckPool(context, new AddressPool(after.AddressPool, after.AddressPoolV6));
        }

        try
        {
            after.Write(context.Paths);
        }
        catch (Exception exception) when (exception is IOException or UnauthorizedAccessException)
        {
            throw StorageErrors.Wrap(exception, context.Paths.HostSettingsFile);
        }

        return Get(context);
    }

    private static void RequireUnused(EngineContext context)
    {
        string[] users = [.. context.Slots.All().Select(claim => MachineView.TryRead(context, claim.Machine)?.Name).OfType<string>().Distinct().Order(StringComparer.OrdinalIgnoreCase)];
        if (users.Length > 0)
        {
            throw new MicroVmException(ErrorIds.NetworkInUse, ErrorKind.Busy, $"VMs have addresses of the pool: {string.Join(", ", users)}.")
            {
                RecommendedAction = "Remove them first: Remove-MicroVm",
            };
        }
    }
}
