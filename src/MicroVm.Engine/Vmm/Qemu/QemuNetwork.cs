using System.Globalization;
using System.Runtime.InteropServices;
using Microsoft.Win32.SafeHandles;

namespace MicroVm.Engine.Vmm.Qemu;

/// <summary>The part of QEMU's command line that is about network interfaces.</summary>
internal static class QemuNetwork
{
    private const string VhostDevice = "/dev/vhost-net";

    // After all that QEMU gives a place on the bus by itself: the system's parts, the disks, the agent's port.
    private const int FirstPortSlot = 16;

    /// <summary>What QEMU calls an interface's host end.</summary>
    /// <param name="number">The interface's port; in a machine without ports which one it is.</param>
    public static string NameOf(int number) => "net" + Text(number);

    /// <summary>What QEMU calls the guest's end of an interface that is in a port.</summary>
    public static string DeviceIn(int port) => "nic" + Text(port);

    /// <summary>What QEMU calls a port's bus.</summary>
    public static string BusOf(int port) => "port" + Text(port);

    /// <summary>Appends the descriptors that QEMU gets for the interfaces, at <see cref="VmmDescriptors.FirstInterface"/>, and composes the arguments that name them.</summary>
    /// <param name="machine">The machine.</param>
    /// <param name="descriptors">Takes them; what is opened here is closed with them.</param>
    public static List<string> Compose(VmmMachine machine, List<SafeHandle> descriptors)
    {
        List<string> arguments = [];
        for (int port = 0; port < machine.HotPlugPorts; port++)
        {
            // What is behind one has no use for addresses of the I/O space, of which there is little.
            arguments.AddRange(
                "-device",
                string.Create(CultureInfo.InvariantCulture, $"pcie-root-port,id={BusOf(port)},chassis={port + 1},slot={port + 1},addr=0x{FirstPortSlot + port:x},io-reserve=0"));
        }

        foreach (VmmInterface backend in machine.Interfaces)
        {
            // The caller's stays the caller's.
            descriptors.Add(new SafeFileHandle(backend.Backend.DangerousGetHandle(), ownsHandle: false));
        }

        for (int i = 0; i < machine.Interfaces.Count; i++)
        {
            VmmInterface backend = machine.Interfaces[i];
            string name = NameOf(backend.Port ?? i);
            string descriptor = Text(VmmDescriptors.FirstInterface + i);
            // A QEMU that was told to announce no restored guest has a null pointer where that feature has a timer, and crashes as soon as the device is reset.
            string place = backend.Port is { } port ? $",guest_announce=off,id={DeviceIn(port)},bus={BusOf(port)}" : "";
            arguments.AddRange(
                "-netdev",
                backend.Kind == VmmInterfaceKind.Tap
                    ? $"tap,id={name},fd={descriptor}{Vhost(machine, descriptors)}"
                    : $"stream,id={name},server=off,addr.type=fd,addr.str={descriptor}",
                // Nobody boots from the network: without the option ROM the firmware does not try.
                "-device",
                $"virtio-net-pci,netdev={name},mac={backend.MacAddress},romfile={place}");
        }

        return arguments;
    }

    /// <summary>Opens what lets the kernel move an interface's frames, where it can: it needs KVM to ring the guest's bell. Null where QEMU moves them itself.</summary>
    public static SafeFileHandle? OpenVhost(AcceleratorKind accelerator)
    {
        if (accelerator != AcceleratorKind.Kvm || !File.Exists(VhostDevice))
        {
            return null;
        }

        try
        {
            return File.OpenHandle(VhostDevice, FileMode.Open, FileAccess.ReadWrite, FileShare.ReadWrite);
        }
        catch (Exception exception) when (exception is IOException or UnauthorizedAccessException)
        {
            return null;
        }
    }

    private static string Vhost(VmmMachine machine, List<SafeHandle> descriptors)
    {
        if (OpenVhost(machine.Accelerator) is not { } vhost)
        {
            return "";
        }

        descriptors.Add(vhost);
        return $",vhost=on,vhostfd={Text(descriptors.Count - 1)}";
    }

    private static string Text(int number) => number.ToString(CultureInfo.InvariantCulture);
}
