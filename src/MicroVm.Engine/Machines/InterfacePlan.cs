using System.Globalization;
using MicroVm.Engine.Errors;
using MicroVm.Engine.State;
using MicroVm.Engine.Vmm;

namespace MicroVm.Engine.Machines;

/// <summary>
/// Adds network interfaces to VMs and removes them. What a VMM has is always on record: an interface is recorded before it is plugged in, and forgotten after it was
/// taken out. So a snapshot never has an interface that its record does not know; one that is on record alone is there at the next boot, or can be removed.
/// </summary>
internal static class InterfacePlan
{
    /// <summary>Adds an interface to a VM that is stopped or runs.</summary>
    /// <exception cref="MicroVmException">
    /// <see cref="ErrorIds.InvalidMicroVmSpec"/>, <see cref="ErrorIds.InvalidMicroVmState"/>, <see cref="ErrorIds.InterfaceHotPlugUnsupported"/>, and what the host lacks.
    /// </exception>
    public static async Task<VirtualMachine> AddAsync(
        EngineContext context, Guid id, NetworkInterfaceSpec spec, IOperationObserver observer, CancellationToken cancellationToken)
    {
        using LockedMachine machine = await context.OpenAsync(id, "Add-MicroVmNetworkInterface");
        await using IVmmConnection? connection = await ConnectAsync(machine, "add a network interface to", cancellationToken);
        MachineRecord before = machine.Record;
        NetworkRules.CheckAdded(before.Hardware.Interfaces, spec);
        int? port = connection is null ? null : RequirePort(before);
        UndoStack undo = new();
        try
        {
            MachineRecord after = With(context, before, InterfaceChoice.Of(context, [spec])[0] with { Port = port }, undo);
            if (connection is null)
            {
                machine.Save(after);
            }
            else
            {
                await PlugAsync(context, machine, connection, after, undo, observer, cancellationToken);
            }

            undo.Commit();
        }
        catch (Exception exception)
        {
            await undo.RollBackAsync(observer);
            throw exception is VmmConnectionException ? VmmFailure.Ended(context, before, before.Run!, exception) : exception;
        }

        if (connection is not null)
        {
            await InterfaceGuest.TellOfAddedAsync(context, machine.Record, observer, cancellationToken);
        }

        return machine.View;
    }

    /// <summary>Removes an interface of a VM that is stopped or runs.</summary>
    /// <param name="context">The engine.</param>
    /// <param name="id">The VM.</param>
    /// <param name="macAddress">The interface's hardware address; null for the only one the VM has.</param>
    /// <param name="observer">Hears of what the guest could not be told.</param>
    /// <param name="cancellationToken">Ends the wait for the guest; it may let go of the interface nevertheless.</param>
    /// <exception cref="MicroVmException">
    /// <see cref="ErrorIds.InterfaceNotFound"/>, <see cref="ErrorIds.NetworkInUse"/>: it publishes ports, <see cref="ErrorIds.InvalidMicroVmState"/>,
    /// <see cref="ErrorIds.InterfaceHotPlugUnsupported"/>, <see cref="ErrorIds.MicroVmTimeout"/>: the guest does not let go of it.
    /// </exception>
    public static async Task<VirtualMachine> RemoveAsync(
        EngineContext context, Guid id, string? macAddress, IOperationObserver observer, CancellationToken cancellationToken)
    {
        using LockedMachine machine = await context.OpenAsync(id, "Remove-MicroVmNetworkInterface");
        int index = Find(machine.Record, macAddress);
        RequireUnpublished(machine.Record, index);
        await using IVmmConnection? connection = await ConnectAsync(machine, "remove a network interface of", cancellationToken);
        MachineRecord before = machine.Record;
        if (connection is not null)
        {
            await UnplugAsync(context, before, connection, before.Hardware.Interfaces[index], cancellationToken);
            Failpoint.Reach(Failpoints.InterfaceUnplugged);
        }

        machine.Save(Without(before, index));
        Failpoint.Reach(Failpoints.InterfaceForgotten);
        if (before.Run?.Links.ElementAtOrDefault(index) is { } link)
        {
            HostFirewall.Detach(context, before, index, link, keepsAddress: false);
        }

        NetworkClaiming.ReleaseRest(context, before, machine.Record);
        if (connection is not null)
        {
            await InterfaceGuest.TellOfRemovedAsync(context, machine.Record, observer, cancellationToken);
        }

        return machine.View;
    }

    // Null for a VM without a VMM.
    private static async Task<IVmmConnection?> ConnectAsync(LockedMachine machine, string verb, CancellationToken cancellationToken)
    {
        // The guest has its part in it, so it must not stand still.
        machine.Require(verb, VmState.Stopped, VmState.Failed, VmState.Running, VmState.Unknown);
        if (machine.Record.Run is null)
        {
            return null;
        }

        IVmmConnection connection = await machine.ConnectAsync(cancellationToken);
        try
        {
            machine.Require(verb, VmState.Stopped, VmState.Failed, VmState.Running);
            return connection;
        }
        catch
        {
            await connection.DisposeAsync();
            throw;
        }
    }

    private static async Task PlugAsync(
        EngineContext context,
        LockedMachine machine,
        IVmmConnection connection,
        MachineRecord after,
        UndoStack undo,
        IOperationObserver observer,
        CancellationToken cancellationToken)
    {
        MachineRecord before = machine.Record;
        int index = after.Hardware.Interfaces.Count - 1;
        MachineInterface one = after.Hardware.Interfaces[index];
        MachineLinks.PrepareHost(context, [one], observer);
        using InterfaceEnd end = InterfaceEnd.Raise(context, after, index, cancellationToken);
        undo.Push($"link {end.DeviceName}", () => HostFirewall.Detach(context, after, index, end.DeviceName, keepsAddress: false));
        end.Attach();
        Failpoint.Reach(Failpoints.InterfaceRaised);
        string[] links = new string[index + 1];
        for (int i = 0; i < index; i++)
        {
            links[i] = before.Run!.Links.ElementAtOrDefault(i) ?? "";
        }

        links[index] = end.DeviceName;
        undo.Push($"network interface {one.MacAddress}", async () =>
        {
            await connection.RemoveInterfaceAsync(one.Port!.Value, CancellationToken.None);
            machine.Save(before);
        });
        machine.Save(after with { Run = after.Run! with { Links = links } });
        Failpoint.Reach(Failpoints.InterfaceRecorded);
        await connection.AddInterfaceAsync(end.Interface with { Port = one.Port }, after.Run!.Accelerator, cancellationToken);
        Failpoint.Reach(Failpoints.InterfacePlugged);
    }

    private static async Task UnplugAsync(
        EngineContext context, MachineRecord record, IVmmConnection connection, MachineInterface one, CancellationToken cancellationToken)
    {
        if (one.Port is not { } port)
        {
            throw Unsupported(record, "has no ports that network interfaces could be taken out of: it was made before there were any");
        }

        try
        {
            await connection.RemoveInterfaceAsync(port, cancellationToken);
        }
        catch (VmmConnectionException exception)
        {
            throw VmmFailure.Ended(context, record, record.Run!, exception);
        }
    }

    private static MachineRecord With(EngineContext context, MachineRecord before, MachineInterface added, UndoStack undo)
    {
        MachineNetwork network = before.Network ?? new MachineNetwork();
        int count = before.Hardware.Interfaces.Count;
        int? slot = NetworkRules.HasSlot(added.Mode) ? NetworkClaiming.ClaimSlot(context, before.Id, undo) : null;
        return before with
        {
            Hardware = before.Hardware with { Interfaces = [.. before.Hardware.Interfaces, added] },
            Network = network with { Slots = [.. Enumerable.Range(0, count).Select(i => network.Slots.ElementAtOrDefault(i)), slot] },
            Run = before.Run is { DueFixups: { } due } run ? run with { DueFixups = due with { FormerInterfaces = [.. due.FormerInterfaces, added] } } : before.Run,
        };
    }

    private static MachineRecord Without(MachineRecord before, int index) => before with
    {
        Hardware = before.Hardware with { Interfaces = Except(before.Hardware.Interfaces, index) },
        Network = before.Network is { } network ? network with { Slots = Except(network.Slots, index) } : null,
        Run = before.Run is { } run
            ? run with
            {
                Links = Except(run.Links, index),
                DueFixups = run.DueFixups is { } due ? due with { FormerInterfaces = Except(due.FormerInterfaces, index) } : null,
            }
            : null,
    };

    private static T[] Except<T>(IReadOnlyList<T> list, int index) => [.. list.Where((_, i) => i != index)];

    private static int Find(MachineRecord record, string? macAddress)
    {
        IReadOnlyList<MachineInterface> interfaces = record.Hardware.Interfaces;
        if (macAddress is null && interfaces.Count == 1)
        {
            return 0;
        }

        for (int i = 0; macAddress is not null && i < interfaces.Count; i++)
        {
            if (interfaces[i].MacAddress.Equals(macAddress, StringComparison.OrdinalIgnoreCase))
            {
                return i;
            }
        }

        string present = string.Join(", ", interfaces.Select(one => $"{one.MacAddress} ({one.Mode})"));
        throw interfaces.Count > 1 && macAddress is null
            ? new MicroVmException(
                ErrorIds.InvalidMicroVmSpec,
                ErrorKind.InvalidArgument,
                string.Create(CultureInfo.InvariantCulture, $"VM '{record.Name}' has {interfaces.Count} network interfaces, and it was not said which one."))
            {
                Target = record.Name,
                RecommendedAction = $"Give -MacAddress; it has {present}.",
            }
            : new MicroVmException(
                ErrorIds.InterfaceNotFound, ErrorKind.NotFound, $"VM '{record.Name}' has no network interface{(macAddress is null ? "" : $" with the hardware address '{macAddress}'")}.")
            {
                Target = macAddress ?? record.Name,
                RecommendedAction = interfaces.Count == 0 ? "It has none." : $"It has {present}.",
            };
    }

    // One that ports lead to; there is one at most.
    private static void RequireUnpublished(MachineRecord record, int index)
    {
        if (NetworkRules.CanPublish(record.Hardware.Interfaces[index].Mode) && record.Network is { PublishedPorts: { Count: > 0 } ports })
        {
            throw new MicroVmException(
                ErrorIds.NetworkInUse, ErrorKind.Busy, $"VM '{record.Name}' publishes ports by the network interface: {string.Join(", ", ports)}.")
            {
                Target = record.Name,
                RecommendedAction = $"Unpublish-MicroVmPort {record.Name} first.",
            };
        }
    }

    private static int RequirePort(MachineRecord record) =>
        record.Hardware.HotPlugPorts == 0
            ? throw Unsupported(record, "has no ports that network interfaces could be plugged into: it was made before there were any")
            : InterfacePorts.FindFree(record.Hardware)
                ?? throw Unsupported(record, string.Create(CultureInfo.InvariantCulture, $"has its {record.Hardware.HotPlugPorts} ports full; the next start makes more"));

    private static MicroVmException Unsupported(MachineRecord record, string why) =>
        new(ErrorIds.InterfaceHotPlugUnsupported, ErrorKind.NotSupported, $"VM '{record.Name}' runs and {why}.")
        {
            Target = record.Name,
            RecommendedAction = $"Stop-MicroVm {record.Name} first; of a stopped VM network interfaces can be added and removed in any case.",
        };
}
