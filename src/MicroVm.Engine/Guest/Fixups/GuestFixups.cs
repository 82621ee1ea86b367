using System.Diagnostics;
using System.Globalization;
using MicroVm.Engine.Errors;
using MicroVm.Engine.Guest.Agent;

namespace MicroVm.Engine.Guest.Fixups;

/// <summary>
/// Puts a restored guest right, one thing after the other in one turn, then lets its workload go on. What fails is reported, never thrown: a guest whose clock is
/// wrong is worth more than none.
/// </summary>
internal sealed class GuestFixups
{
    // For all of it. A guest that does not get done is let go on.
    private static readonly TimeSpan s_limit = TimeSpan.FromSeconds(10);

    private static readonly TimeSpan s_thawLimit = TimeSpan.FromSeconds(2);

    // An agent that answered when the snapshot was taken does so at once, on a host that is not too busy. Of one that was not asked nobody knows.
    private static readonly TimeSpan s_answerLimit = TimeSpan.FromSeconds(5);
    private static readonly TimeSpan s_unknownAnswerLimit = TimeSpan.FromSeconds(1);

    private readonly GuestAgent _agent;
    private readonly FixupOrder _order;
    private readonly List<GuestFixup> _fixups = [];

    // Whether the workload stood until all was done; null while that is not known.
    private bool? _protected;

    private GuestFixups(GuestAgent agent, FixupOrder order)
    {
        _agent = agent;
        _order = order;
    }

    private TimeSpan AnswerLimit => _order.Due.AgentAnswered == true ? s_answerLimit : s_unknownAnswerLimit;

    /// <summary>What is done, in this order: keys are made of the new random numbers, and carry the new name.</summary>
    public static IReadOnlyList<string> Names { get; } =
        [GuestFixup.Entropy, GuestFixup.Clock, GuestFixup.HostName, GuestFixup.MachineId, GuestFixup.SshHostKeys, GuestFixup.Network];

    /// <summary>Does what is due.</summary>
    /// <param name="agent">The agent of a guest that runs.</param>
    /// <param name="order">What is due.</param>
    /// <param name="cancellationToken">Ends the wait.</param>
    public static async Task<IReadOnlyList<GuestFixup>> RunAsync(GuestAgent agent, FixupOrder order, CancellationToken cancellationToken)
    {
        GuestFixups fixups = new(agent, order);
        await fixups.RunAsync(cancellationToken);
        return fixups._fixups.ToArray();
    }

    /// <summary>The list for a guest of which nothing could be asked.</summary>
    public static IReadOnlyList<GuestFixup> AllSkipped(string why) =>
        Names.Select(name => new GuestFixup { Name = name, Result = FixupResult.Skipped, Detail = why }).ToArray();

    private async Task RunAsync(CancellationToken cancellationToken)
    {
        string? failure = null;
        using CancellationTokenSource limit = CancellationTokenSource.CreateLinkedTokenSource(cancellationToken);
        limit.CancelAfter(s_limit);
        try
        {
            await _agent.UseAsync(
                async connection =>
                {
                    if (!_order.Due.ThawOnly)
                    {
                        await PutRightAsync(connection, limit.Token);
                    }

                    await ThawAsync(connection, limit.Token);
                },
                limit.Token,
                AnswerLimit);
        }
        catch (MicroVmException exception)
        {
            failure = exception.Message;
        }
        catch (OperationCanceledException) when (!cancellationToken.IsCancellationRequested)
        {
            failure = string.Create(CultureInfo.InvariantCulture, $"It was not done within {s_limit.TotalSeconds:0} s.");
        }
        catch (OperationCanceledException)
        {
            await ThawAnewAsync();
            throw;
        }

        await ThawAnewAsync();

        foreach (string name in Names.Skip(_fixups.Count))
        {
            _fixups.Add(_order.Due.ThawOnly
                ? new GuestFixup { Name = name, Result = FixupResult.Skipped, Detail = "Not wanted." }
                : new GuestFixup { Name = name, Result = FixupResult.Failed, Detail = failure! });
        }

        if (_protected != true)
        {
            Unprotect();
        }
    }

    private async Task PutRightAsync(AgentConnection connection, CancellationToken token)
    {
        await TryAsync(GuestFixup.Entropy, () => EntropyFixup.RunAsync(connection, _agent, _order.ReseedProgram, token));
        await TryAsync(
            GuestFixup.Clock,
            async () =>
            {
                ClockSetting setting = await ClockFixup.RunAsync(connection, token);
                return (setting.IsRight ? FixupResult.Done : FixupResult.Failed, setting.ToString());
            });
        await TryAsync(GuestFixup.HostName, () => Identity("The VM has kept its name.", () => IdentityFixup.SetHostNameAsync(connection, _order.HostName, token)));
        await TryAsync(GuestFixup.MachineId, () => Identity("The VM has kept its id.", () => IdentityFixup.SetMachineIdAsync(connection, _order.Id, token)));
        await TryAsync(
            GuestFixup.SshHostKeys,
            () => _order.Due.RenewSshHostKeys
                ? IdentityFixup.RenewSshHostKeysAsync(connection, _agent, token)
                : Task.FromResult((FixupResult.NotNeeded, "They are kept.")));
        await TryAsync(GuestFixup.Network, () => NetworkFixup.RunAsync(connection, _agent, _order.Interfaces, token));
    }

    private Task<(FixupResult Result, string Detail)> Identity(string kept, Func<Task<(FixupResult Result, string Detail)>> change) =>
        _order.Due.NewIdentity ? change() : Task.FromResult((FixupResult.NotNeeded, kept));

    // An agent that refuses goes on to the next thing; one that does not answer any more ends them all.
    private async Task TryAsync(string name, Func<Task<(FixupResult Result, string Detail)>> fixup)
    {
        long start = Stopwatch.GetTimestamp();
        FixupResult result;
        string detail;
        try
        {
            (result, detail) = await fixup();
        }
        catch (MicroVmException exception) when (exception.ErrorId is ErrorIds.GuestAgentError or ErrorIds.GuestAgentCommandBlocked)
        {
            (result, detail) = (FixupResult.Failed, exception.Message);
        }

        _fixups.Add(new GuestFixup { Name = name, Result = result, Duration = Stopwatch.GetElapsedTime(start), Detail = detail });
    }

    private async Task ThawAsync(AgentConnection connection, CancellationToken token)
    {
        if (!_order.Due.WorkloadFrozen)
        {
            return;
        }

        // Who takes longer than the guard waits has protected nothing.
        bool frozen = await WorkloadFreezer.IsFrozenAsync(connection, _order.Cgroups, token);
        await WorkloadFreezer.ThawAsync(connection, _order.Cgroups, token);
        _protected = frozen;
        await WorkloadFreezer.DismissGuardAsync(connection, _order.Cgroups, token);
    }

    // Where the conversation broke off before, another one may work. Else the guard in the guest does it.
    private async Task ThawAnewAsync()
    {
        if (_protected is not null || !_order.Due.WorkloadFrozen)
        {
            return;
        }

        using CancellationTokenSource limit = new(s_thawLimit);
        try
        {
            await _agent.UseAsync(connection => ThawAsync(connection, limit.Token), limit.Token, s_thawLimit);
        }
        catch (Exception exception) when (exception is MicroVmException or OperationCanceledException)
        {
            // Nobody answers.
        }
    }

    private void Unprotect()
    {
        for (int i = 0; i < _fixups.Count; i++)
        {
            if (_fixups[i].Result == FixupResult.Done)
            {
                _fixups[i] = _fixups[i] with { Result = FixupResult.Unprotected };
            }
        }
    }
}
