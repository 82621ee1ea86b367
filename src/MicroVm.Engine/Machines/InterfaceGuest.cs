using MicroVm.Engine.Errors;
using MicroVm.Engine.Guest.Agent;
using MicroVm.Engine.Guest.Fixups;
using MicroVm.Engine.State;

namespace MicroVm.Engine.Machines;

/// <summary>Tells a guest that runs of network interfaces that came or went. The VM has them or not, whatever comes of it: a failure is a warning.</summary>
internal static class InterfaceGuest
{
    // A guest that still boots has no agent yet; it is not waited for.
    private static readonly TimeSpan s_answerLimit = TimeSpan.FromSeconds(2);

    // The guest waits ten seconds for the device.
    private static readonly TimeSpan s_limit = TimeSpan.FromSeconds(20);

    /// <summary>Has the guest set up the interface that came last.</summary>
    public static Task TellOfAddedAsync(EngineContext context, MachineRecord record, IOperationObserver observer, CancellationToken cancellationToken)
    {
        MachineInterface added = record.Hardware.Interfaces[^1];
        return TellAsync(
            context,
            record,
            NetworkFixup.OrderOfAdded(added, NameServersOf(record)),
            $"VM '{record.Name}' has the network interface {added.MacAddress}, but its guest has to set it up by itself, or be restarted.",
            observer,
            cancellationToken);
    }

    /// <summary>Has the guest forget what went with an interface.</summary>
    public static Task TellOfRemovedAsync(EngineContext context, MachineRecord record, IOperationObserver observer, CancellationToken cancellationToken) => TellAsync(
        context,
        record,
        NetworkFixup.OrderOfRemoved(NameServersOf(record)),
        $"VM '{record.Name}' has lost the network interface, but its guest may still ask name servers that were behind it.",
        observer,
        cancellationToken);

    private static IReadOnlyList<string> NameServersOf(MachineRecord record) => [.. record.Hardware.Interfaces.SelectMany(one => one.NameServers).Distinct()];

    private static async Task TellAsync(
        EngineContext context, MachineRecord record, string order, string consequence, IOperationObserver observer, CancellationToken cancellationToken)
    {
        string? reason;
        using CancellationTokenSource limit = CancellationTokenSource.CreateLinkedTokenSource(cancellationToken);
        limit.CancelAfter(s_limit);
        try
        {
            GuestAgent agent = GuestAccess.Of(context, record, record.Run!);
            (FixupResult result, string detail) = await agent.UseAsync(
                connection => NetworkFixup.RunAsync(connection, agent, order, limit.Token), limit.Token, s_answerLimit);
            reason = result == FixupResult.Done ? null : detail;
        }
        catch (MicroVmException exception)
        {
            reason = exception.Message;
        }
        catch (OperationCanceledException)
        {
            // It is done: what was cancelled is no more than this.
            reason = "It was not waited for.";
        }

        if (reason is not null)
        {
            observer.Warning($"{consequence} {reason}");
        }
    }
}
