using System.Net;
using System.Runtime.InteropServices;
using MicroVm.Engine.Isolation;
using MicroVm.Engine.Network;
using MicroVm.Engine.State;
using MicroVm.Engine.Vmm;

namespace MicroVm.Engine.Machines;

/// <summary>The host's end of one network interface of one run. Closing it leaves the VMM's copy.</summary>
internal sealed class InterfaceEnd : IDisposable
{
    private readonly SafeHandle _handle;
    private readonly Action _attach;

    private InterfaceEnd(SafeHandle handle, VmmInterface description, string deviceName, Action attach)
    {
        _handle = handle;
        Interface = description;
        DeviceName = deviceName;
        _attach = attach;
    }

    /// <summary>The interface, for the VMM.</summary>
    public VmmInterface Interface { get; }

    /// <summary>The host's device, or "" when there is none.</summary>
    public string DeviceName { get; }

    /// <summary>Makes the end of an interface.</summary>
    /// <param name="context">The engine.</param>
    /// <param name="record">The VM.</param>
    /// <param name="index">Which of its interfaces.</param>
    /// <param name="cancellationToken">Ends the wait for a program behind it.</param>
    public static InterfaceEnd Raise(EngineContext context, MachineRecord record, int index, CancellationToken cancellationToken)
    {
        MachineInterface one = record.Hardware.Interfaces[index];
        return one.Mode switch
        {
            NetworkMode.Nat or NetworkMode.Named => OfSlot(context, record, index),
            NetworkMode.User => OfBackend(one, StartPasst(context, record, one, cancellationToken)),
            NetworkMode.Tap => OfBackend(one, context.HostNetwork.Run(_ => TapPort.Open(one.NetworkNamespace, one.TapDevice!))),
            _ => OfBackend(one, BridgePort.Open(context.HostNetwork, one.Name!, one.MacAddress, AddressOf(one))),
        };
    }

    /// <summary>Makes the guest reachable by it.</summary>
    public void Attach() => _attach();

    /// <inheritdoc/>
    public void Dispose() => _handle.Dispose();

    private static InterfaceEnd OfSlot(EngineContext context, MachineRecord record, int index)
    {
        MachineInterface one = record.Hardware.Interfaces[index];
        // Claimed among VMs, but a program may have come meanwhile.
        foreach (PublishedPort port in record.Network!.PublishedPorts)
        {
            if (context.HostNetwork.Run(_ => PortErrors.WhyNot(port)) is { } reason)
            {
                throw reason;
            }
        }

        bool six = one.AddressV6 is not null;
        NetworkLink link = context.HostNetwork.Run(sockets => context.SpareLinks.TryTake(sockets, six) ?? NetworkLink.Raise(sockets, six));
        return new InterfaceEnd(
            link.Tap,
            new VmmInterface(link.Tap, VmmInterfaceKind.Tap, one.MacAddress),
            link.Name,
            () => HostFirewall.Attach(context, record, index, link.Name, link.Index));
    }

    private static InterfaceEnd OfBackend(MachineInterface one, NetworkBackend backend) => new(
        backend.Handle,
        new VmmInterface(backend.Handle, backend.IsStream ? VmmInterfaceKind.Stream : VmmInterfaceKind.Tap, one.MacAddress),
        backend.LinkName ?? "",
        () => { });

    // A guest that asks for its address may have any.
    private static IPAddress? AddressOf(MachineInterface one) => IPAddress.TryParse(one.Address?.Split('/')[0], out IPAddress? address) ? address : null;

    private static NetworkBackend StartPasst(EngineContext context, MachineRecord record, MachineInterface one, CancellationToken cancellationToken)
    {
        // Published ports lead by a slot where there is one.
        bool publishes = !record.Hardware.Interfaces.Any(other => NetworkRules.HasSlot(other.Mode));
        NetworkBackend backend = context.HostNetwork.Run(_ => Passt.Start(
            one, publishes ? record.Network!.PublishedPorts : [], NetworkLink.DefaultMtu, program: null, cancellationToken));
        ChildReaper.Watch(backend.Helper!, static (_, _) => { });
        return backend;
    }
}
