using System.Diagnostics;
using System.Text.Json;
using MicroVm.Engine.Errors;
using MicroVm.Engine.Guest.Agent;

namespace MicroVm.Engine.Guest.Commands;

/// <summary>The output of a command that runs in a guest: two files there that grow, and are read while they do.</summary>
/// <param name="agent">The guest's agent.</param>
/// <param name="id">The command's id.</param>
/// <param name="slot">Where its files are.</param>
internal sealed class CommandOutput(GuestAgent agent, string id, CommandSlot slot)
{
    // What a guest keeps of a command's output that has been read: beyond this the files are emptied.
    private const long WindowBytes = 8 << 20;

    // The first look at a short output: an agent clears a buffer of what it is asked for.
    private const int ShortBytes = 16 << 10;

    // What an ended command may leave in the guest until its files are removed.
    private const long LitterBytes = 64 << 10;

    // Others want a turn, too.
    private static readonly TimeSpan s_turn = TimeSpan.FromMilliseconds(50);

    private readonly string[] _paths = [slot.Prefix + ".out", slot.Prefix + ".err"];

    private long[]? _handles;
    private long _windowStart;
    private long _readBytes;
    private bool _canHold = true;
    private bool _hasHeld;

    /// <summary>Whether the guest should be relieved of what has been read.</summary>
    public bool IsWindowFull => _canHold && _readBytes - _windowStart >= WindowBytes;

    /// <summary>Reads what is new.</summary>
    /// <returns>The pieces, and whether that was all there is at present.</returns>
    public async Task<CommandPieces> ReadAsync(AgentConnection connection, CancellationToken cancellationToken)
    {
        long startedAt = Stopwatch.GetTimestamp();
        List<GuestOutput> pieces = [];
        if (_handles is null && (_handles = await TryOpenAsync(connection)) is null)
        {
            return new CommandPieces(pieces, true);
        }

        while (true)
        {
            JsonElement[] answers = await connection.CallAllAsync(cancellationToken, [.. _handles.Select(handle => AgentCalls.ReadFile(handle))]);
            bool isAll = Take(answers, pieces);
            if (isAll || Stopwatch.GetElapsedTime(startedAt) > s_turn)
            {
                return new CommandPieces(pieces, isAll);
            }
        }
    }

    /// <summary>Reads what is left of a command that has ended, and closes the files if that was all.</summary>
    public async Task<CommandPieces> FinishAsync(AgentConnection connection, CancellationToken cancellationToken)
    {
        if (_handles is not null)
        {
            CommandPieces rest = await ReadAsync(connection, cancellationToken);
            if (rest.IsAll)
            {
                await CloseAsync(connection, cancellationToken);
            }

            return rest;
        }

        // Most commands end before their output was looked at, with little of it: that takes two round trips.
        long[] handles;
        try
        {
            handles = await OpenAsync(connection, "r");
        }
        catch (MicroVmException exception) when (AgentFailure.IsNoSuchFile(exception))
        {
            // It was ended before it had files.
            return new CommandPieces([], true);
        }

        // Not to be cancelled either: it closes them.
        AgentRequest[] requests = [.. handles.Select(handle => AgentCalls.ReadFile(handle, ShortBytes)), .. handles.Select(AgentCalls.CloseFile)];
        JsonElement[] answers = await connection.CallAllAsync(CancellationToken.None, requests);
        byte[][] contents = [.. answers.Take(handles.Length).Select(AgentCalls.FileContent)];
        if (contents.Any(content => content.Length == ShortBytes))
        {
            // There is more. What was read is read again: it is not much.
            return await ReadAsync(connection, cancellationToken);
        }

        List<GuestOutput> pieces = [];
        Add(GuestStream.Output, contents[0], pieces);
        Add(GuestStream.Error, contents[1], pieces);
        return new CommandPieces(pieces, true);
    }

    /// <summary>
    /// Makes the command stand still, reads the rest of its files, empties them and lets it go on. So a command may write for ever, and no guest's disk is
    /// filled by it. Where the guest cannot make it stand still, the files grow.
    /// </summary>
    /// <param name="process">The command.</param>
    /// <param name="take">Takes what was read.</param>
    /// <param name="cancellationToken">Ends it; the command may be left standing, for a minute.</param>
    public async Task EmptyAsync(AgentProcess process, Func<IReadOnlyList<GuestOutput>, Task> take, CancellationToken cancellationToken)
    {
        AgentExecStatus held = await AgentProcess.RunScriptAsync(
            agent, GuestScripts.Read("members") + GuestScripts.Read("hold"), [id, slot.Prefix, $"{process.ProcessId}"], default, cancellationToken);
        if (held.ExitCode != 0)
        {
            _canHold = false;
            return;
        }

        _hasHeld = true;
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
                // The command writes on where it was, and so the host reads on there: what is before takes no space.
                await TruncateAsync(connection, cancellationToken);
                return true;
            },
            cancellationToken);
        _windowStart = _readBytes;
        await AgentProcess.RunScriptAsync(agent, GuestScripts.Read("release"), [slot.Prefix], default, cancellationToken);
    }

    /// <summary>Closes the files, and removes what emptying them took. The command has ended.</summary>
    public async Task DisposeAsync(CancellationToken cancellationToken)
    {
        bool isLitter = _readBytes - _windowStart > LitterBytes;
        if (_handles is not null || isLitter)
        {
            await agent.UseAsync(
                async connection =>
                {
                    await CloseAsync(connection, cancellationToken);
                    if (isLitter)
                    {
                        await TruncateAsync(connection, cancellationToken);
                    }

                    return true;
                },
                cancellationToken);
        }

        if (_hasHeld)
        {
            await AgentProcess.RunScriptAsync(agent, GuestScripts.Read("dissolve"), [slot.Prefix], default, cancellationToken);
        }
    }

    // Whether each stream gave less than was asked for, which is all it has.
    private bool Take(ReadOnlySpan<JsonElement> answers, List<GuestOutput> pieces)
    {
        bool isAll = true;
        for (int i = 0; i < answers.Length; i++)
        {
            byte[] content = AgentCalls.FileContent(answers[i]);
            isAll &= content.Length < AgentCalls.FileChunkBytes;
            Add((GuestStream)i, content, pieces);
        }

        return isAll;
    }

    private void Add(GuestStream stream, ReadOnlyMemory<byte> content, List<GuestOutput> pieces)
    {
        if (content.Length > 0)
        {
            pieces.Add(new GuestOutput(stream, content));
            _readBytes += content.Length;
        }
    }

    // Null while the command has none; the one for errors is made last. Not to be cancelled, as all that opens: the agent keeps open what nobody knows to close.
    private async Task<long[]?> TryOpenAsync(AgentConnection connection) =>
        await connection.TryOpenFileAsync(_paths[1], "r", CancellationToken.None) is { } errors
            ? [await connection.OpenFileAsync(_paths[0], "r", CancellationToken.None), errors]
            : null;

    private async Task<long[]> OpenAsync(AgentConnection connection, string mode)
    {
        JsonElement[] opened = await connection.CallAllAsync(CancellationToken.None, [.. _paths.Select(path => AgentCalls.OpenFile(path, mode))]);
        return [.. opened.Select(AgentCalls.Number)];
    }

    // To open for writing is to empty.
    private async Task TruncateAsync(AgentConnection connection, CancellationToken cancellationToken)
    {
        long[] emptied = await OpenAsync(connection, "w");
        await connection.CallAllAsync(cancellationToken, [.. emptied.Select(AgentCalls.CloseFile)]);
    }

    private async Task CloseAsync(AgentConnection connection, CancellationToken cancellationToken)
    {
        if (_handles is { } handles)
        {
            _handles = null;
            try
            {
                await connection.CallAllAsync(cancellationToken, [.. handles.Select(AgentCalls.CloseFile)]);
            }
            catch (MicroVmException exception) when (exception.ErrorId == ErrorIds.GuestAgentError)
            {
                // An agent that was started again meanwhile has none of them open.
            }
        }
    }
}
