using System.Globalization;
using MicroVm.Engine.Errors;

namespace MicroVm.Engine.Guest.Agent;

/// <summary>What can go wrong with an agent, as errors.</summary>
internal static class AgentFailure
{
    /// <summary>Runs one exchange with the agent within a limit, and makes errors of what the channel throws.</summary>
    /// <param name="limit">How long it may take.</param>
    /// <param name="work">The exchange.</param>
    /// <param name="late">The error for the end of the limit.</param>
    /// <param name="vmName">The VM's name.</param>
    /// <param name="cancellationToken">Ends the exchange.</param>
    public static async Task<T> WithinAsync<T>(
        TimeSpan limit, Func<CancellationToken, Task<T>> work, Func<MicroVmException> late, string vmName, CancellationToken cancellationToken)
    {
        using CancellationTokenSource deadline = CancellationTokenSource.CreateLinkedTokenSource(cancellationToken);
        deadline.CancelAfter(limit);
        try
        {
            return await work(deadline.Token);
        }
        catch (OperationCanceledException) when (!cancellationToken.IsCancellationRequested)
        {
            throw late();
        }
        catch (FormatException exception)
        {
            throw Garbled(vmName, exception);
        }
        catch (IOException exception)
        {
            throw new MicroVmException(ErrorIds.GuestAgentUnavailable, ErrorKind.ConnectionFailed, $"The channel to the agent in VM '{vmName}' is closed.", exception)
            {
                Target = vmName,
                RecommendedAction = $"The VMM has ended, or is about to: Get-MicroVm {vmName}",
            };
        }
        finally
        {
            // A request that is still being written when its answer turned out to be none.
            await deadline.CancelAsync();
        }
    }

    /// <summary>What came is no answer.</summary>
    public static MicroVmException Garbled(string vmName, FormatException cause) =>
        new(ErrorIds.GuestAgentError, ErrorKind.Protocol, $"The agent in VM '{vmName}' does not keep to its protocol.", cause)
        {
            Target = vmName,
            RecommendedAction = "Something else may use the agent's port in the guest. Restart its qemu-guest-agent, or the VM.",
        };

    /// <summary>Nobody answered the first question.</summary>
    public static MicroVmException Silent(string vmName, TimeSpan limit) => Unavailable(
        vmName,
        string.Create(CultureInfo.InvariantCulture, $"No agent in VM '{vmName}' answered within {limit.TotalSeconds:0.#} s."),
        "The guest needs the package qemu-guest-agent, running (image 'base' has it). A guest that still boots may need longer: Wait-MicroVm -For Agent.");

    /// <summary>Others speak with the agent all the time, or one of them was stopped while it did.</summary>
    public static MicroVmException Occupied(string vmName, TimeSpan limit) => new(
        ErrorIds.MicroVmBusy,
        ErrorKind.Busy,
        string.Create(CultureInfo.InvariantCulture, $"Other processes speak with the agent in VM '{vmName}' for more than {limit.TotalSeconds:0} s."))
    {
        Target = vmName,
        RecommendedAction = "One of them may be stopped in the middle: look for stopped processes (state T) among your shells.",
    };

    /// <summary>The VM is gone, with the directory that keeps the turns.</summary>
    public static MicroVmException Removed(string vmName, Exception cause) =>
        new(ErrorIds.GuestAgentUnavailable, ErrorKind.ConnectionFailed, $"VM '{vmName}' has been removed.", cause) { Target = vmName };

    /// <summary>The agent answered before, and now does not.</summary>
    public static MicroVmException Stalled(string vmName, string command, TimeSpan limit) => Unavailable(
        vmName,
        string.Create(CultureInfo.InvariantCulture, $"The agent in VM '{vmName}' did not answer '{command}' within {limit.TotalSeconds:0.#} s."),
        $"The guest hangs, is paused or very busy. Get-MicroVm {vmName} and Get-MicroVmLog {vmName} tell more.");

    /// <summary>The agent said no.</summary>
    public static MicroVmException Refused(string vmName, string command, string errorClass, string description)
    {
        // In the guest's words.
        description = PrintableText.Of(description);
        if (errorClass != "CommandNotFound" && !description.Contains("has been disabled", StringComparison.Ordinal))
        {
            return new MicroVmException(ErrorIds.GuestAgentError, ErrorKind.Protocol, $"The agent in VM '{vmName}' refused '{command}': {description}") { Target = vmName };
        }

        return new MicroVmException(ErrorIds.GuestAgentCommandBlocked, ErrorKind.PermissionDenied, $"The agent in VM '{vmName}' does not offer '{command}': {description}")
        {
            Target = vmName,
            RecommendedAction =
                $"In the guest, take '{command}' out of the blocked commands (block-rpcs or blacklist in /etc/qemu/qemu-ga.conf; BLACKLIST_RPC, FILTER_RPC_ARGS or "
                + "QEMU_GA_ARGS in /etc/sysconfig/qemu-ga), or add it to allow-rpcs there; then restart qemu-guest-agent. An old agent may lack it: update it.",
        };
    }

    /// <summary>Whether a refusal says that there is no such file in the guest.</summary>
    public static bool IsNoSuchFile(MicroVmException refusal) =>
        refusal.ErrorId == ErrorIds.GuestAgentError && refusal.Message.EndsWith("No such file or directory", StringComparison.Ordinal);

    private static MicroVmException Unavailable(string vmName, string message, string advice) =>
        new(ErrorIds.GuestAgentUnavailable, ErrorKind.ConnectionFailed, message) { Target = vmName, RecommendedAction = advice };
}
