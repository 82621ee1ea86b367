using System.Diagnostics;
using System.Text.Json;
using MicroVm.Engine.Guest.Agent;

namespace MicroVm.Engine.Guest.Commands;

/// <summary>The output of a command that runs in a guest: two files there that grow, and are read while they do.</summary>
internal sealed class CommandOutput(GuestAgent agent, string id)
{
    // What a guest keeps of a command's output, in its memory: beyond this the files are emptied.
    private const long WindowBytes = 8 << 20;

    // Others want a turn, too.
    private static readonly TimeSpan s_turn = TimeSpan.FromMilliseconds(50);

    private readonly string[] _paths = [PathOf(id, "out"), PathOf(id, "err")];
    private long[]? _handles;
    private long _readBytes;
    private bool _canHold = true;

    /// <summary>Whether the guest should be relieved of what has been read.</summary>
    public bool IsWindowFull => _canHold && _readBytes >= WindowBytes;

    /// <summary>A file that belongs to a command.</summary>
    public static string PathOf(string id, string kind) => $"/run/microvm-commands/{id}.{kind}";

    /// <summary>Reads what is new.</summary>
    /// <returns>The pieces, and whether that was all there is at present.</returns>
    public async Task<CommandPieces> ReadAsync(AgentConnection connection, CancellationToken cancellationToken)
    {
        long startedAt = Stopwatch.GetTimestamp();
        List<GuestOutput> pieces = [];
        if (_handles is null && (_handles = await TryOpenAsync(connection, cancellationToken)) is null)
        {
            return new CommandPieces(pieces, true);
        }

        while (true)
        {
            JsonElement[] answers = await connection.CallAllAsync(cancellationToken, AgentCalls.ReadFile(_handles[0]), AgentCalls.ReadFile(_handles[1]));
            bool isAll = true;
            for (int i = 0; i < answers.Length; i++)
            {
                byte[] content = AgentCalls.FileContent(answers[i]);
                if (content.Length > 0)
                {
                    pieces.Add(new GuestOutput((GuestStream)i, content));
                    _readBytes += content.Length;
                }

                isAll &= content.Length < AgentCalls.FileChunkBytes;
            }

            if (isAll || Stopwatch.GetElapsedTime(startedAt) > s_turn)
            {
                return new CommandPieces(pieces, isAll);
            }
        }
    }

    /// <summary>
    /// Makes the command stand still, reads the rest of its files, empties them and lets it go on. So a command may write for ever, and no guest's memory is
    /// filled by it. Where the guest cannot make it stand still, the files grow.
    /// </summary>
    /// <param name="process">The command.</param>
    /// <param name="take">Takes what was read.</param>
    /// <param name="cancellationToken">Ends it; the command may be left standing, for a minute.</param>
    public async Task EmptyAsync(AgentProcess process, Func<IReadOnlyList<GuestOutput>, Task> take, CancellationToken cancellationToken)
    {
        string members = GuestScripts.Read("members");
        AgentExecStatus held = await AgentProcess.RunScriptAsync(
            agent, members + GuestScripts.Read("hold"), [id, $"{process.ProcessId}"], default, cancellationToken);
        if (held.ExitCode != 0)
        {
            _canHold = false;
            return;
        }

        CommandPieces pieces;
        do
        {
            pieces = await agent.UseAsync(connection => ReadAsync(connection, cancellationToken), cancellationToken);
            await take(pieces.Pieces);
        }
        while (!pieces.IsAll);
        await agent.UseAsync(
            async connection =>
            {
                await CloseAsync(connection, cancellationToken);
                // To open for writing is to empty.
                _handles = await OpenAsync(connection, "w", cancellationToken);
                await CloseAsync(connection, cancellationToken);
                return true;
            },
            cancellationToken);
        _readBytes = 0;
        await AgentProcess.RunScriptAsync(agent, GuestScripts.Read("release"), [id], default, cancellationToken);
    }

    /// <summary>Leaves the files for the next command to remove.</summary>
    public async Task AbandonAsync(AgentConnection connection, CancellationToken cancellationToken)
    {
        await CloseAsync(connection, cancellationToken);
        long mark = await connection.OpenFileAsync(PathOf(id, "done"), "w", cancellationToken);
        await connection.CloseFileAsync(mark, cancellationToken);
    }

    // Null while the command is not so far that it has output: the directory is the first thing it makes. Should a file be missing then, this makes it.
    private async Task<long[]?> TryOpenAsync(AgentConnection connection, CancellationToken cancellationToken) =>
        await connection.TryOpenFileAsync(_paths[0], "a+", cancellationToken) is { } output
            ? [output, await connection.OpenFileAsync(_paths[1], "a+", cancellationToken)]
            : null;

    private async Task<long[]> OpenAsync(AgentConnection connection, string mode, CancellationToken cancellationToken)
    {
        JsonElement[] opened = await connection.CallAllAsync(cancellationToken, AgentCalls.OpenFile(_paths[0], mode), AgentCalls.OpenFile(_paths[1], mode));
        return [AgentCalls.Number(opened[0]), AgentCalls.Number(opened[1])];
    }

    private async Task CloseAsync(AgentConnection connection, CancellationToken cancellationToken)
    {
        if (_handles is { } handles)
        {
            _handles = null;
            await connection.CallAllAsync(cancellationToken, AgentCalls.CloseFile(handles[0]), AgentCalls.CloseFile(handles[1]));
        }
    }
}
