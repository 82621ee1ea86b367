using MicroVm.Engine.Guest.Agent;

namespace MicroVm.Engine.Guest.Fixups;

/// <summary>Programs that are run within one turn, since nobody else has business with a guest that is being put right.</summary>
internal static class GuestProgram
{
    /// <summary>Runs a program to its end.</summary>
    /// <param name="connection">The conversation.</param>
    /// <param name="agent">The agent it is held with.</param>
    /// <param name="path">The program.</param>
    /// <param name="arguments">What follows its name.</param>
    /// <param name="input">Its standard input; empty for none.</param>
    /// <param name="cancellationToken">Ends the wait, not the program.</param>
    public static async Task<AgentExecStatus> RunAsync(
        AgentConnection connection,
        GuestAgent agent,
        string path,
        IReadOnlyList<string> arguments,
        ReadOnlyMemory<byte> input,
        CancellationToken cancellationToken)
    {
        AgentProcess process = new(agent, await connection.ExecuteAsync(path, arguments, input, CancellationToken.None));
        while (true)
        {
            AgentExecStatus status = await process.WatchAsync(connection, cancellationToken);
            if (status.HasExited)
            {
                return status;
            }
        }
    }

    /// <summary>Runs one of the engine's scripts to its end.</summary>
    public static Task<AgentExecStatus> RunScriptAsync(
        AgentConnection connection,
        GuestAgent agent,
        string script,
        IReadOnlyList<string> arguments,
        ReadOnlyMemory<byte> input,
        CancellationToken cancellationToken) =>
        RunAsync(connection, agent, GuestScripts.Shell, ["-c", GuestScripts.Read(script), "microvm", .. arguments], input, cancellationToken);
}
