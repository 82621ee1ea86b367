using MicroVm.Engine.Native;

namespace MicroVm.Engine.Guest.Agent;

/// <summary>
/// The agent of one running VM. Who wants to speak with it takes a turn: connects, asks a few questions, and leaves, so that several commands, from this
/// process and others, go on side by side.
/// </summary>
/// <param name="channel">The way to the agent.</param>
/// <param name="directory">The VM's run directory, where the turns are kept.</param>
/// <param name="vmName">The VM's name, for errors.</param>
internal sealed class GuestAgent(IGuestChannel channel, string directory, string vmName)
{
    // An agent that has not answered by then is not there: one that starts with its guest is there seconds after it.
    private static readonly TimeSpan s_answerLimit = TimeSpan.FromSeconds(20);

    // Turns take a tenth of a second at most; and a shell that was stopped in its own keeps it.
    private static readonly TimeSpan s_turnLimit = TimeSpan.FromSeconds(120);

    /// <summary>The VM's name.</summary>
    public string VMName => vmName;

    /// <summary>The VM's run directory.</summary>
    public string Directory => directory;

    /// <summary>Speaks with the agent. Calls of one turn should take no longer than others can wait.</summary>
    /// <param name="work">What is to be said.</param>
    /// <param name="cancellationToken">Ends the wait and the conversation.</param>
    /// <param name="answerLimit">How long the turn and the agent's first answer may take; without it two minutes for the turn and 20 s for the answer.</param>
    /// <exception cref="Errors.MicroVmException">As <see cref="AgentConnection"/> throws them.</exception>
    public async Task<T> UseAsync<T>(Func<AgentConnection, Task<T>> work, CancellationToken cancellationToken, TimeSpan? answerLimit = null)
    {
        using AgentTurn turn = await TakeTurnAsync(answerLimit, cancellationToken);
        await using AgentConnection agent = await AgentConnection.OpenAsync(channel, vmName, answerLimit ?? s_answerLimit, cancellationToken);
        try
        {
            return await work(agent);
        }
        catch (FormatException exception)
        {
            throw AgentFailure.Garbled(vmName, exception);
        }
    }

    /// <summary>As the other, where nothing comes of it.</summary>
    public Task UseAsync(Func<AgentConnection, Task> work, CancellationToken cancellationToken, TimeSpan? answerLimit = null) => UseAsync(
        async connection =>
        {
            await work(connection);
            return true;
        },
        cancellationToken,
        answerLimit);

    private async Task<AgentTurn> TakeTurnAsync(TimeSpan? limit, CancellationToken cancellationToken)
    {
        using CancellationTokenSource deadline = CancellationTokenSource.CreateLinkedTokenSource(cancellationToken);
        deadline.CancelAfter(limit ?? s_turnLimit);

        try
        {
            return await AgentTurn.TakeAsync(directory, deadline.Token);
        }
        catch (OperationCanceledException) when (!cancellationToken.IsCancellationRequested)
        {
            throw limit is { } time ? AgentFailure.Silent(vmName, time) : AgentFailure.Occupied(vmName, s_turnLimit);
        }
        catch (LinuxException exception) when (exception.Errno == Errno.NoSuchFile)
        {
            throw AgentFailure.Removed(vmName, exception);
        }
    }
}
