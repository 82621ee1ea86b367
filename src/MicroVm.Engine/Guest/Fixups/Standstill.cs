using System.Diagnostics;
using MicroVm.Engine.Errors;
using MicroVm.Engine.Guest.Agent;

namespace MicroVm.Engine.Guest.Fixups;

/// <summary>What a guest was like while its snapshot was taken.</summary>
/// <param name="AgentAnswered">Whether its agent answered; null when somebody else had the turn.</param>
/// <param name="WorkloadFrozen">Whether its workload was frozen.</param>
/// <param name="FrozenFor">How long the workload stood still, if it was.</param>
/// <param name="ThawFailure">Why the workload could not be thawed; the guard does it then.</param>
internal sealed record Standstill(bool? AgentAnswered, bool WorkloadFrozen, TimeSpan? FrozenFor = null, MicroVmException? ThawFailure = null)
{
    private static readonly TimeSpan s_limit = TimeSpan.FromSeconds(2);

    /// <summary>
    /// Freezes the workload of a guest, if that can be done, for the time of some work, which is done anyway. The turn is held throughout: no other client's
    /// question is in the snapshot, and nobody delays the thaw.
    /// </summary>
    /// <param name="agent">The agent.</param>
    /// <param name="cgroups">What is frozen.</param>
    /// <param name="answerLimit">How long to wait for the agent.</param>
    /// <param name="work">What is done meanwhile: pausing, saving and resuming the guest.</param>
    /// <param name="cancellationToken">Ends the wait for the agent. Once frozen, the workload is thawed whatever happens.</param>
    public static async Task<Standstill> DuringAsync(
        GuestAgent agent, WorkloadCgroups cgroups, TimeSpan answerLimit, Func<Task> work, CancellationToken cancellationToken)
    {
        bool begun = false;
        Standstill standstill;
        using CancellationTokenSource limit = CancellationTokenSource.CreateLinkedTokenSource(cancellationToken);
        // Somebody else may have the turn first.
        limit.CancelAfter(2 * answerLimit);
        try
        {
            return await agent.UseAsync(
                async connection =>
                {
                    limit.CancelAfter(Timeout.InfiniteTimeSpan);
                    return await FreezeAsync(
                        connection,
                        agent,
                        cgroups,
                        () =>
                        {
                            begun = true;
                            return work();
                        },
                        cancellationToken);
                },
                limit.Token,
                answerLimit);
        }
        catch (MicroVmException exception) when (!begun && IsOfAgent(exception))
        {
            standstill = new Standstill(AgentAnswered: false, WorkloadFrozen: false);
        }
        catch (OperationCanceledException) when (!begun && !cancellationToken.IsCancellationRequested)
        {
            standstill = new Standstill(AgentAnswered: null, WorkloadFrozen: false);
        }

        await work();
        return standstill;
    }

    private static async Task<Standstill> FreezeAsync(
        AgentConnection connection, GuestAgent agent, WorkloadCgroups cgroups, Func<Task> work, CancellationToken cancellationToken)
    {
        long? standsSince = null;
        TimeSpan? frozenFor = null;
        MicroVmException? thawFailure = null;
        try
        {
            if (await IsGuardedAsync(connection, agent, cgroups, cancellationToken))
            {
                // Not to be cancelled half way: the conversation could not go on, not even to thaw what stands.
                await TryAsync(async token => standsSince = await WorkloadFreezer.FreezeAsync(connection, cgroups, token));
                if (standsSince is null && thawFailure is null)
                {
                    // No use in holding a part of it.
                    await TryAsync(ThawAsync);
                }
            }

            await work();
        }
        finally
        {
            if (standsSince is not null)
            {
                await TryAsync(ThawAsync);
            }
        }

        return new Standstill(AgentAnswered: true, WorkloadFrozen: standsSince is not null, frozenFor, thawFailure);

        async Task ThawAsync(CancellationToken token)
        {
            await WorkloadFreezer.ThawAsync(connection, cgroups, token);
            frozenFor = standsSince is { } start ? Stopwatch.GetElapsedTime(start) : null;
            await WorkloadFreezer.DismissGuardAsync(connection, cgroups, token);
        }

        async Task TryAsync(Func<CancellationToken, Task> exchange)
        {
            using CancellationTokenSource limit = new(s_limit);
            try
            {
                await exchange(limit.Token);
            }
            catch (MicroVmException exception)
            {
                thawFailure = exception;
            }
            catch (OperationCanceledException)
            {
                thawFailure = AgentFailure.Stalled(agent.VMName, "guest-file-write", s_limit);
            }
        }
    }

    private static async Task<bool> IsGuardedAsync(AgentConnection connection, GuestAgent agent, WorkloadCgroups cgroups, CancellationToken cancellationToken)
    {
        try
        {
            return await WorkloadFreezer.GuardAsync(connection, agent, cgroups, cancellationToken);
        }
        catch (MicroVmException exception) when (exception.ErrorId is ErrorIds.GuestAgentError or ErrorIds.GuestAgentCommandBlocked)
        {
            // It may not start programs, for one.
            return false;
        }
    }

    private static bool IsOfAgent(MicroVmException exception) =>
        exception.ErrorId is ErrorIds.GuestAgentUnavailable or ErrorIds.GuestAgentError or ErrorIds.GuestAgentCommandBlocked;
}
