using System.Diagnostics;
using MicroVm.Engine.Guest.Agent;
using MicroVm.Engine.Guest.Files;
using MicroVm.Engine.Storage;

namespace MicroVm.Engine.Machines;

/// <summary>Copies files between the host and the guest of a running VM. No lock is held meanwhile, and each call of the agent is a turn of its own.</summary>
internal static class CopyPlan
{
    /// <summary>Copies a file or directory of the host into the guest.</summary>
    public static Task<GuestCopyResult> ToGuestAsync(
        EngineContext context, Guid id, GuestCopy copy, IOperationObserver observer, CancellationToken cancellationToken) =>
        CopyAsync(context, id, copy, fromGuest: false, observer, cancellationToken);

    /// <summary>Copies a file or directory of the guest to the host.</summary>
    public static Task<GuestCopyResult> FromGuestAsync(
        EngineContext context, Guid id, GuestCopy copy, IOperationObserver observer, CancellationToken cancellationToken) =>
        CopyAsync(context, id, copy, fromGuest: true, observer, cancellationToken);

    private static async Task<GuestCopyResult> CopyAsync(
        EngineContext context, Guid id, GuestCopy copy, bool fromGuest, IOperationObserver observer, CancellationToken cancellationToken)
    {
        long startedAt = Stopwatch.GetTimestamp();
        GuestAgent agent = GuestAccess.Open(context, id, "to copy files");
        PhaseTimer timer = new(observer, $"Copy {(fromGuest ? "from" : "to")} {agent.VMName}");
        CopyMeter meter = new(observer, fromGuest ? $"Copying {copy.Source} from {agent.VMName}" : $"Copying {copy.Source} to {agent.VMName}");
        AgentFiles guest = new(agent);
        string place;
        try
        {
            place = fromGuest
                ? await new GuestDownload(guest, copy, meter, observer).RunAsync(cancellationToken)
                : await new GuestUpload(guest, copy, meter, observer).RunAsync(cancellationToken);
        }
        catch (Exception exception) when (exception is IOException or UnauthorizedAccessException)
        {
            // The guest's side throws no such thing.
            throw StorageErrors.Wrap(exception, fromGuest ? copy.Destination : copy.Source);
        }

        timer.Done();
        return new GuestCopyResult
        {
            VMName = agent.VMName,
            VMId = id,
            FromGuest = fromGuest,
            Source = copy.Source,
            Destination = place,
            Files = meter.Files,
            Bytes = meter.Bytes,
            Duration = Stopwatch.GetElapsedTime(startedAt),
        };
    }
}
