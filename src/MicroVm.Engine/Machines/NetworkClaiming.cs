using MicroVm.Engine.Errors;
using MicroVm.Engine.Network;
using MicroVm.Engine.State;

namespace MicroVm.Engine.Machines;

/// <summary>Claims what the host has for a VM's network as long as there is the VM: addresses and ports.</summary>
internal static class NetworkClaiming
{
    private const int PortTries = 64;

    /// <summary>Claims what a new VM needs. Its directory exists and is locked by the caller.</summary>
    /// <param name="context">The engine.</param>
    /// <param name="record">The VM, with the ports that were asked for.</param>
    /// <param name="undo">Takes what has to be undone.</param>
    /// <returns>What it was given; null for a VM without a network.</returns>
    public static MachineNetwork? Claim(EngineContext context, MachineRecord record, UndoStack undo)
    {
        if (record.Hardware.Interfaces.Count == 0)
        {
            return null;
        }

        MachineNetwork wanted = record.Network ?? new MachineNetwork();
        int?[] slots = new int?[record.Hardware.Interfaces.Count];
        if (record.Hardware.Interfaces.Any(one => NetworkRules.HasSlot(one.Mode)))
        {
            for (int i = 0; i < slots.Length; i++)
            {
                if (NetworkRules.HasSlot(record.Hardware.Interfaces[i].Mode))
                {
                    slots[i] = ClaimSlot(context, record.Id, undo);
                }
            }
        }

        Failpoint.Reach(Failpoints.ClaimSlots);
        return wanted with { Slots = slots, PublishedPorts = ClaimPorts(context, record, wanted.PublishedPorts, undo) };
    }

    /// <summary>Claims a slot for one more interface of a VM that the caller has locked.</summary>
    public static int ClaimSlot(EngineContext context, Guid id, UndoStack undo)
    {
        int slot = context.Slots.Claim(id, HostOutlook.PoolOf(context).Capacity);
        undo.Push($"slot {slot}", () => context.Slots.Release(slot, id));
        return slot;
    }

    /// <summary>What a VM has of the host when it becomes a machine that may have other interfaces than it has now: what it has, as far as that has use for it.</summary>
    /// <param name="context">The engine.</param>
    /// <param name="before">The VM, which the caller has locked.</param>
    /// <param name="hardware">The machine it becomes.</param>
    /// <param name="undo">Takes what has to be undone.</param>
    public static MachineNetwork? Realign(EngineContext context, MachineRecord before, MachineHardware hardware, UndoStack undo)
    {
        if (hardware.Interfaces.Count == 0 && before.Network is null)
        {
            return null;
        }

        MachineNetwork network = before.Network ?? new MachineNetwork();
        Queue<int> present = new(network.Slots.OfType<int>());
        int?[] slots = new int?[hardware.Interfaces.Count];
        for (int i = 0; i < slots.Length; i++)
        {
            if (NetworkRules.HasSlot(hardware.Interfaces[i].Mode))
            {
                slots[i] = present.TryDequeue(out int slot) ? slot : ClaimSlot(context, before.Id, undo);
            }
        }

        return network with { Slots = slots, PublishedPorts = hardware.Interfaces.Any(one => NetworkRules.CanPublish(one.Mode)) ? network.PublishedPorts : [] };
    }

    /// <summary>Gives back what a VM had and has no more.</summary>
    public static void ReleaseRest(EngineContext context, MachineRecord before, MachineRecord after)
    {
        foreach (int slot in (before.Network?.Slots ?? []).Except(after.Network?.Slots ?? []).OfType<int>())
        {
            context.Slots.Release(slot, before.Id);
        }

        foreach (PublishedPort port in (before.Network?.PublishedPorts ?? []).Except(after.Network?.PublishedPorts ?? []))
        {
            context.Ports.Release(port, before.Id);
        }
    }

    /// <summary>Claims ports for a VM that the caller has locked.</summary>
    /// <returns>The ports, with the free ones that were chosen.</returns>
    /// <exception cref="MicroVmException"><see cref="ErrorIds.PortInUse"/>.</exception>
    public static IReadOnlyList<PublishedPort> ClaimPorts(EngineContext context, MachineRecord record, IReadOnlyList<PublishedPort> ports, UndoStack undo)
    {
        List<PublishedPort> claimed = [];
        foreach (PublishedPort wanted in ports)
        {
            if (wanted.HostAddress.Contains(':', StringComparison.Ordinal) && !record.Hardware.Interfaces.Any(one => one.AddressV6 is not null))
            {
                throw new MicroVmException(
                    ErrorIds.NetworkNotSupported, ErrorKind.NotSupported, $"Port {wanted} cannot be published: VM '{record.Name}' has no IPv6, since the host had none when it was made.")
                {
                    Target = wanted,
                    RecommendedAction = "Use an address of IPv4, or give the host IPv6 and make the VM anew.",
                };
            }

            PublishedPort port = wanted.HostPort == 0 ? ClaimFree(context, record, wanted) : ClaimPort(context, record, wanted);
            undo.Push($"port {port}", () => context.Ports.Release(port, record.Id));
            if (context.HostNetwork.Run(_ => PortErrors.WhyNot(port)) is { } reason)
            {
                throw reason;
            }

            claimed.Add(port);
        }

        return claimed;
    }

    /// <summary>Gives back all that a VM has claimed.</summary>
    public static void Release(EngineContext context, MachineRecord record)
    {
        foreach (int slot in record.Network?.Slots.OfType<int>() ?? [])
        {
            context.Slots.Release(slot, record.Id);
        }

        foreach (PublishedPort port in record.Network?.PublishedPorts ?? [])
        {
            context.Ports.Release(port, record.Id);
        }
    }

    /// <summary>Gives back all that is claimed for a VM that is gone, and of which there is no record that would say what that is; its VMM has ended.</summary>
    public static void ReleaseClaims(EngineContext context, Guid id)
    {
        int[] slots = [.. context.Slots.All().Where(claim => claim.Machine == id).Select(claim => claim.Slot)];
        HostFirewall.Sweep(context, slots, kept: []);
        Array.ForEach(slots, slot => context.Slots.Release(slot, id));
        foreach ((string key, Guid machine) in context.Ports.All().ToArray())
        {
            if (machine == id)
            {
                context.Ports.ReleaseStale(key);
            }
        }
    }

    private static PublishedPort ClaimPort(EngineContext context, MachineRecord record, PublishedPort port) =>
        context.Ports.Claim(port, record.Id) is { } holder ? throw PortErrors.InUse(port, $"VM '{MachineView.TryRead(context, holder)?.Name ?? holder.ToString()}'") : port;

    private static PublishedPort ClaimFree(EngineContext context, MachineRecord record, PublishedPort wanted)
    {
        for (int i = 0; i < PortTries; i++)
        {
            PublishedPort port = wanted with { HostPort = context.HostNetwork.Run(_ => PortErrors.FindFree(wanted)) };
            if (context.Ports.Claim(port, record.Id) is null)
            {
                return port;
            }
        }

        throw new MicroVmException(ErrorIds.PortInUse, ErrorKind.ResourceUnavailable, $"No port of {wanted.HostAddress} is free.") { Target = wanted };
    }
}
