using System.Globalization;
using System.Text.Json;
using Microsoft.Win32.SafeHandles;
using MicroVm.Engine.Errors;

namespace MicroVm.Engine.Vmm.Qemu;

/// <summary>
/// Device state apart from memory. <c>xen-save-devices-state</c> writes exactly that, whether the memory is mapped shared or privately; its stream has
/// neither a configuration section nor a description, so both ends run with <c>send-configuration=off</c> and <c>suppress-vmdesc=on</c>, and it is read by
/// an ordinary incoming migration. (<c>migrate</c> with <c>x-ignore-shared</c> would do for shared memory, but copies all memory that is mapped privately.)
/// </summary>
internal static class QemuSnapshot
{
    // Some hundred KB at most; the rest is for a busy host.
    private static readonly TimeSpan s_limit = TimeSpan.FromSeconds(60);

    /// <summary>Writes the state into <paramref name="file"/>, which must be open for writing only: QEMU wants exactly the mode it opens with.</summary>
    public static async Task SaveAsync(QemuApi api, SafeFileHandle file, CancellationToken cancellationToken)
    {
        QmpMessage added = await api.CallAsync("add-fd", null, s_limit, cancellationToken, file);
        int set = added.Return.GetProperty("fdset-id").GetInt32();
        try
        {
            await api.CallAsync(
                "xen-save-devices-state",
                writer =>
                {
                    writer.WriteString("filename", $"/dev/fdset/{set.ToString(CultureInfo.InvariantCulture)}");
                    // True would close the disks, as for a guest that goes on elsewhere.
                    writer.WriteBoolean("live", false);
                },
                s_limit,
                cancellationToken);
        }
        finally
        {
            await api.CallAsync("remove-fd", writer => writer.WriteNumber("fdset-id", set), s_limit, CancellationToken.None);
        }
    }

    /// <summary>Loads the state and waits until QEMU has taken it over.</summary>
    public static async Task LoadAsync(QemuApi api, SafeFileHandle file, CancellationToken cancellationToken)
    {
        await api.CallAsync("migrate-set-capabilities", WriteEventsCapability, s_limit, cancellationToken);
        await api.CallAsync("getfd", writer => writer.WriteString("fdname", "state"), s_limit, cancellationToken, file);
        await api.CallAsync("migrate-incoming", writer => writer.WriteString("uri", "fd:state"), s_limit, cancellationToken);
        using CancellationTokenSource limit = CancellationTokenSource.CreateLinkedTokenSource(cancellationToken);
        limit.CancelAfter(s_limit);
        try
        {
            await foreach (QmpMessage message in api.Events.ReadAllAsync(limit.Token))
            {
                switch (message.Event is "MIGRATION" ? message.Data.GetProperty("status").GetString() : null)
                {
                    case "completed":
                        return;
                    case "failed":
                        throw Refused(null);
                }
            }
        }
        catch (VmmConnectionException exception)
        {
            // QEMU ends when it cannot load; its last words are in the log.
            throw Refused(exception);
        }
        catch (OperationCanceledException exception) when (!cancellationToken.IsCancellationRequested)
        {
            throw new MicroVmException(ErrorIds.MicroVmTimeout, ErrorKind.Timeout, $"QEMU did not load the device state within {s_limit.TotalSeconds} s.", exception);
        }
    }

    private static MicroVmException Refused(Exception? cause) =>
        new(ErrorIds.SnapshotIncompatible, ErrorKind.InvalidData, "QEMU could not load the snapshot's device state.", cause);

    private static void WriteEventsCapability(Utf8JsonWriter writer)
    {
        writer.WriteStartArray("capabilities");
        writer.WriteStartObject();
        writer.WriteString("capability", "events");
        writer.WriteBoolean("state", true);
        writer.WriteEndObject();
        writer.WriteEndArray();
    }
}
