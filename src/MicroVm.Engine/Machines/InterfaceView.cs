using MicroVm.Engine.Network;
using MicroVm.Engine.State;

namespace MicroVm.Engine.Machines;

/// <summary>Makes what a user sees of a VM's network interfaces.</summary>
internal static class InterfaceView
{
    /// <summary>The interfaces, as an array so that PowerShell can slice it.</summary>
    /// <param name="context">The engine.</param>
    /// <param name="record">The VM.</param>
    /// <param name="run">Its present run, or null.</param>
    public static IReadOnlyList<NetworkInterface> Of(EngineContext context, MachineRecord record, MachineRun? run)
    {
        if (record.Hardware.Interfaces.Count == 0)
        {
            return [];
        }

        AddressPool pool = HostOutlook.PoolOf(context);
        return record.Hardware.Interfaces.Select((one, i) =>
        {
            int? slot = record.Network?.Slots.ElementAtOrDefault(i);
            return new NetworkInterface
            {
                Mode = one.Mode,
                Name = one.Name,
                MacAddress = one.MacAddress,
                IPAddress = slot is { } number ? pool.AddressOf(number).Four.ToString() : StaticAddress(one),
                IPv6Address = slot is { } same && one.AddressV6 is not null ? pool.AddressOf(same).Six?.ToString() : null,
                GuestAddress = one.Address,
                HostDevice = run?.Links.ElementAtOrDefault(i) is { Length: > 0 } device ? device : null,
            };
        }).ToArray();
    }

    // On a bridge the host knows the guest by the address that was chosen for it.
    private static string? StaticAddress(MachineInterface one) =>
        one.Mode is NetworkMode.Bridge or NetworkMode.Tap && one.Address?.Split('/') is [var address, _] ? address : null;
}
