using System.Diagnostics;

namespace MicroVm.Engine.Guest.Agent;

/// <summary>
/// A program that an agent started. The agent has no events, so it is asked again and again; but each answer takes time from the program, on a machine with one
/// CPU. So a program that runs long is asked for the less often.
/// </summary>
/// <param name="agent">The agent.</param>
/// <param name="processId">The process's id in the guest.</param>
internal sealed class AgentProcess(GuestAgent agent, long processId)
{
    private static readonly TimeSpan s_shortestPause = TimeSpan.FromMilliseconds(1);
    private static readonly TimeSpan s_longestPause = TimeSpan.FromMilliseconds(50);

    // A program that runs longer lets others have their turn.
    private static readonly TimeSpan s_firstTurn = TimeSpan.FromMilliseconds(50);

    private readonly long _startedAt = Stopwatch.GetTimestamp();

    /// <summary>The process's id in the guest.</summary>
    public long ProcessId => processId;

    /// <summary>How long to pause before it is asked again.</summary>
    public TimeSpan Pause
    {
        get
        {
            TimeSpan pause = Stopwatch.GetElapsedTime(_startedAt) / 4;
            return pause < s_shortestPause ? s_shortestPause : pause > s_longestPause ? s_longestPause : pause;
        }
    }

    /// <summary>Runs one of the engine's scripts to its end, which must come by itself.</summary>
    /// <param name="agent">The agent.</param>
    /// <param name="script">The script's text.</param>
    /// <param name="arguments">Its arguments, <c>$1</c> and so on.</param>
    /// <param name="input">Its standard input; empty for none.</param>
    /// <param name="cancellationToken">Ends the wait, not the script.</param>
    public static async Task<AgentExecStatus> RunScriptAsync(
        GuestAgent agent, string script, IReadOnlyList<string> arguments, ReadOnlyMemory<byte> input, CancellationToken cancellationToken)
    {
        (AgentProcess process, AgentExecStatus status) = await agent.UseAsync(
            async connection =>
            {
                // Not to be cancelled: what was started has to be known.
                long id = await connection.ExecuteAsync(GuestScripts.Shell, ["-c", script, "microvm", .. arguments], input, CancellationToken.None);
                AgentProcess started = new(agent, id);
                return (started, await started.WatchAsync(connection, cancellationToken));
            },
            cancellationToken);
        return status.HasExited ? status : await process.WaitAsync(cancellationToken);
    }

    /// <summary>Asks within one turn until the program has ended, or others should have theirs.</summary>
    public async Task<AgentExecStatus> WatchAsync(AgentConnection connection, CancellationToken cancellationToken)
    {
        while (true)
        {
            await Task.Delay(Pause, cancellationToken);
            AgentExecStatus status = await connection.ExecuteStatusAsync(processId, cancellationToken);
            if (status.HasExited || Stopwatch.GetElapsedTime(_startedAt) > s_firstTurn)
            {
                return status;
            }
        }
    }

    /// <summary>Waits for the program's end, a turn for each question.</summary>
    public async Task<AgentExecStatus> WaitAsync(CancellationToken cancellationToken)
    {
        while (true)
        {
            await Task.Delay(Pause, cancellationToken);
            AgentExecStatus status = await agent.UseAsync(connection => connection.ExecuteStatusAsync(processId, cancellationToken), cancellationToken);
            if (status.HasExited)
            {
                return status;
            }
        }
    }
}
