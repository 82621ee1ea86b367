using System.Globalization;
using System.Text.Json;
using Microsoft.Win32.SafeHandles;
using MicroVm.Engine.Errors;

namespace MicroVm.Engine.Vmm.Qemu;

/// <summary>
/// Device state apart from memory. <c>xen-save-devices-state</c> writes exactly that, whether the memory is mapped shared or privately; its stream has
/// neither a configuration section nor a description, so both ends run with <c>send-configuration=off</c> and <c>suppress-vmdesc=on</c>, and it is read by
/// an ordinary incoming migration: <c>file:</c>, or <c>fd:</c> before QEMU 8.2. (<c>migrate</c> with <c>x-ignore-shared</c> would do for shared memory, but
/// copies all memory that is mapped privately.)
/// </summary>
internal static class QemuSnapshot
{
    // Some hundred KB at most; the rest is for a busy host.
    private static readonly TimeSpan s_limit = TimeSpan.FromSeconds(60);

    /// <summary>The first release that reads device state by <c>file:</c>. <c>fd:</c> with a file was deprecated in 9.1, and 11.1 refuses it.</summary>
    public static Version FirstWithFile { get; } = new(8, 2);

    /// <summary>Writes the state into <paramref name="file"/>, which must be open for writing only: QEMU wants exactly the mode it opens with.</summary>
    public static async Task SaveAsync(QemuApi api, SafeFileHandle file, CancellationToken cancellationToken)
    {
        int set = await AddAsync(api, file, cancellationToken);
        try
        {
            await api.CallAsync(
                "xen-save-devices-state",
                writer =>
                {
                    writer.WriteString("filename", PathOf(set));
                    // True would close the disks, as for a guest that goes on elsewhere.
                    writer.WriteBoolean("live", false);
                },
                s_limit,
                cancellationToken);
        }
        finally
        {
            await RemoveAsync(api, set);
        }
    }

    /// <summary>Loads the state and waits until QEMU has taken it over.</summary>
    public static async Task LoadAsync(QemuApi api, SafeFileHandle file, CancellationToken cancellationToken)
    {
        await api.CallAsync("migrate-set-capabilities", WriteEventsCapability, s_limit, cancellationToken);
        // Nobody is told that the guest is here now: it is not another place for those who know it, and a clone may still have the address of the VM it was made of.
        await api.CallAsync("migrate-set-parameters", writer => writer.WriteNumber("announce-rounds", 0), s_limit, cancellationToken);
        int? set = null;
        string uri = "fd:state";
        if (Version.Parse(api.Version) >= FirstWithFile)
        {
            set = await AddAsync(api, file, cancellationToken);
            uri = "file:" + PathOf(set.Value);
        }
        else
        {
            await api.CallAsync("getfd", writer => writer.WriteString("fdname", "state"), s_limit, cancellationToken, file);
        }

        await api.CallAsync("migrate-incoming", writer => writer.WriteString("uri", uri), s_limit, cancellationToken);
        using CancellationTokenSource limit = CancellationTokenSource.CreateLinkedTokenSource(cancellationToken);
        limit.CancelAfter(s_limit);
        try
        {
            if (set is { } opened)
            {
                // QEMU has opened it; the set would hold it for as long as the VM lives.
                await RemoveAsync(api, opened);
            }

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

    // Gives the number of the set of descriptors that QEMU keeps the file in.
    private static async Task<int> AddAsync(QemuApi api, SafeFileHandle file, CancellationToken cancellationToken)
    {
        QmpMessage added = await api.CallAsync("add-fd", null, s_limit, cancellationToken, file);
        return added.Return.GetProperty("fdset-id").GetInt32();
    }

    private static Task RemoveAsync(QemuApi api, int set) =>
        api.CallAsync("remove-fd", writer => writer.WriteNumber("fdset-id", set), s_limit, CancellationToken.None);

    private static string PathOf(int set) => "/dev/fdset/" + set.ToString(CultureInfo.InvariantCulture);

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
