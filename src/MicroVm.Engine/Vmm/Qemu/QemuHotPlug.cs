using System.Text.Json;
using Microsoft.Win32.SafeHandles;
using MicroVm.Engine.Errors;

namespace MicroVm.Engine.Vmm.Qemu;

/// <summary>
/// Plugs network interfaces into a machine that runs and takes them out, by the names and at the places that <see cref="QemuNetwork"/> gives those it starts with: so a
/// snapshot of the one is restored as the other.
/// </summary>
internal static class QemuHotPlug
{
    private static readonly TimeSpan s_limit = TimeSpan.FromSeconds(10);

    // A guest does so within milliseconds, on a busy host within a second or two.
    private static readonly TimeSpan s_guestLimit = TimeSpan.FromSeconds(15);

    /// <summary>Plugs an interface in; nothing is left of it when that fails.</summary>
    public static async Task AddAsync(QemuApi api, VmmInterface one, AcceleratorKind accelerator, CancellationToken cancellationToken)
    {
        int port = one.Port!.Value;
        string name = QemuNetwork.NameOf(port);
        await api.CallAsync("getfd", writer => writer.WriteString("fdname", name), s_limit, cancellationToken, one.Backend);
        string? vhostName = null;
        using (SafeFileHandle? vhost = one.Kind == VmmInterfaceKind.Tap ? QemuNetwork.OpenVhost(accelerator) : null)
        {
            if (vhost is not null)
            {
                vhostName = name + "-vhost";
                await api.CallAsync("getfd", writer => writer.WriteString("fdname", vhostName), s_limit, cancellationToken, vhost);
            }
        }

        // The end of an interface that the guest let go of too late for whoever took it out.
        await RemoveEndAsync(api, port, cancellationToken);
        await api.CallAsync("netdev_add", writer => WriteEnd(writer, one.Kind, name, vhostName), s_limit, cancellationToken);
        try
        {
            await api.CallAsync(
                "device_add",
                writer =>
                {
                    writer.WriteString("driver", "virtio-net-pci");
                    writer.WriteString("id", QemuNetwork.DeviceIn(port));
                    writer.WriteString("bus", QemuNetwork.BusOf(port));
                    writer.WriteString("netdev", name);
                    writer.WriteString("mac", one.MacAddress);
                    writer.WriteString("romfile", "");
                    writer.WriteBoolean("guest_announce", false);
                },
                s_limit,
                cancellationToken);
        }
        catch
        {
            await RemoveEndAsync(api, port, CancellationToken.None);
            throw;
        }
    }

    /// <summary>Takes an interface out and waits for the guest to let go of it.</summary>
    public static async Task RemoveAsync(QemuApi api, int port, CancellationToken cancellationToken)
    {
        string device = QemuNetwork.DeviceIn(port);
        if (await IsThereAsync(api, device, cancellationToken))
        {
            try
            {
                await api.CallAsync("device_del", writer => writer.WriteString("id", device), s_limit, cancellationToken);
            }
            catch (MicroVmException exception) when (exception.ErrorId == ErrorIds.HypervisorApiError)
            {
                // The guest was asked before and may let go at any time: that is waited for.
            }

            await WaitForEndAsync(api, device, cancellationToken);
        }

        await RemoveEndAsync(api, port, cancellationToken);
    }

    private static async Task WaitForEndAsync(QemuApi api, string device, CancellationToken cancellationToken)
    {
        using CancellationTokenSource limit = CancellationTokenSource.CreateLinkedTokenSource(cancellationToken);
        limit.CancelAfter(s_guestLimit);
        try
        {
            // Looked at first: it may have gone before there was an event to hear.
            while (await IsThereAsync(api, device, cancellationToken))
            {
                while (!api.Events.TryRead(out QmpMessage? message) || message.Event != "DEVICE_DELETED")
                {
                    await api.Events.WaitToReadAsync(limit.Token);
                }
            }
        }
        catch (OperationCanceledException exception) when (!cancellationToken.IsCancellationRequested)
        {
            throw new MicroVmException(
                ErrorIds.MicroVmTimeout, ErrorKind.Timeout, $"The guest did not let go of the network interface within {s_guestLimit.TotalSeconds:0} s.", exception)
            {
                RecommendedAction = "A guest that still boots, or whose kernel lacks acpiphp, cannot. Try again later, or stop the VM first: Stop-MicroVm",
            };
        }
    }

    private static async Task<bool> IsThereAsync(QemuApi api, string device, CancellationToken cancellationToken)
    {
        QmpMessage list = await api.CallAsync("qom-list", writer => writer.WriteString("path", "/machine/peripheral"), s_limit, cancellationToken);
        return list.Return.EnumerateArray().Any(one => one.GetProperty("name").ValueEquals(device));
    }

    private static async Task RemoveEndAsync(QemuApi api, int port, CancellationToken cancellationToken)
    {
        try
        {
            await api.CallAsync("netdev_del", writer => writer.WriteString("id", QemuNetwork.NameOf(port)), s_limit, cancellationToken);
        }
        catch (MicroVmException exception) when (exception.ErrorId == ErrorIds.HypervisorApiError)
        {
            // It is not there.
        }
    }

    private static void WriteEnd(Utf8JsonWriter writer, VmmInterfaceKind kind, string name, string? vhostName)
    {
        writer.WriteString("id", name);
        if (kind == VmmInterfaceKind.Tap)
        {
            writer.WriteString("type", "tap");
            writer.WriteString("fd", name);
            if (vhostName is not null)
            {
                writer.WriteBoolean("vhost", true);
                writer.WriteString("vhostfd", vhostName);
            }

            return;
        }

        // The same on the wire and to the guest as "stream", which looks for descriptors in a thread that knows none by name.
        writer.WriteString("type", "socket");
        writer.WriteString("fd", name);
    }
}
