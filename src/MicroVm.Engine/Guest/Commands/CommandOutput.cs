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
    private readonly long[] _positions = [0, 0];

    private long[]? _handles;
    // Where the files ended when the command did.
    private long[]? _ends;
    private long _windowStart;
    private bool _canHold = true;
    private bool _hasHeld;

    /// <summary>Whether the guest should be relieved of what has been read.</summary>
    public bool IsWindowFull => _canHold && UnreleasedBytes >= WindowBytes;

    // Read, and still in the guest.
    private long UnreleasedBytes => _positions.Sum() - _windowStart;

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
            bool isAll = true;
            for (int i = 0; i < answers.Length; i++)
            {
                byte[] content = AgentCalls.FileContent(answers[i]);
                Add((GuestStream)i, content, pieces);
                isAll &= content.Length < AgentCalls.FileChunkBytes || _positions[i] >= _ends?[i];
            }

            if (isAll || Stopwatch.GetElapsedTime(startedAt) > s_turn)
            {
                return new CommandPieces(pieces, isAll);
            }
        }
    }

    /// <summary>Reads what is left of a command that has ended. What processes it left behind write from now on is not waited for.</summary>
    public async Task<CommandPieces> FinishAsync(AgentConnection connection, CancellationToken cancellationToken)
    {
        if (_handles is null)
        {
            if (await TryReadShortAsync(connection) is { } pieces)
            {
                return pieces;
            }

            _handles = await OpenAsync(connection, "r");
        }

        if (_ends is null)
        {
            JsonElement[] ends = await connection.CallAllAsync(cancellationToken, [.. _handles.Select(handle => AgentCalls.SeekFile(handle, 0, fromEnd: true))]);
            _ends = [.. ends.Select(end => AgentCalls.Number(end, "position"))];
            await connection.CallAllAsync(cancellationToken, [.. _handles.Select((handle, i) => AgentCalls.SeekFile(handle, _positions[i]))]);
        }

        return await ReadAsync(connection, cancellationToken);
    }

    /// <summary>Makes the command stand still, for a minute at most; again makes it a minute more.</summary>
    /// <returns>Whether the guest can do that.</returns>
    public async Task<bool> TryHoldAsync(AgentProcess process, CancellationToken cancellationToken)
    {
        if (!_canHold)
        {
            return false;
        }

        string script = GuestScripts.Read("members") + GuestScripts.Read("hold");
        AgentExecStatus held = await AgentProcess.RunScriptAsync(agent, script, [id, slot.Prefix, $"{process.ProcessId}"], default, cancellationToken);
        _canHold = held.ExitCode == 0;
        // Also one that failed may have made its group.
        _hasHeld = true;
        return _canHold;
    }

    /// <summary>Lets the command go on.</summary>
    public Task ReleaseAsync(CancellationToken cancellationToken) =>
        AgentProcess.RunScriptAsync(agent, GuestScripts.Read("release"), [slot.Prefix], default, cancellationToken);

    /// <summary>
    /// Makes the command stand still, reads the rest of its files, empties them and lets it go on. So a command may write for ever, and no guest's disk is
    /// filled by it. Where the guest cannot make it stand still, the files grow.
    /// </summary>
    /// <param name="process">The command.</param>
    /// <param name="take">Takes what was read.</param>
    /// <param name="cancellationToken">Ends it; the command may be left standing, for a minute.</param>
    public async Task EmptyAsync(AgentProcess process, Func<IReadOnlyList<GuestOutput>, Task> take, CancellationToken cancellationToken)
    {
        if (!await TryHoldAsync(process, cancellationToken))
        {
            return;
        }

        CommandPieces pieces;
        do
        {
            pieces = await agent.UseAsync(connection => ReadAsync(connection, cancellationToken), cancellationToken);
            await take(pieces.Pieces);
        }
        while (!pieces.IsAll);
        // The command writes on where it was, and so the host reads on there: what is before takes no space.
        AgentExecStatus released = await AgentProcess.RunScriptAsync(agent, GuestScripts.Read("release"), [slot.Prefix, "empty"], default, cancellationToken);
        if (released.ExitCode == 0)
        {
            _windowStart = _positions.Sum();
        }
    }

    /// <summary>Closes the files, and removes what emptying them took. The command has ended.</summary>
    public async Task DisposeAsync(CancellationToken cancellationToken)
    {
        bool isLitter = UnreleasedBytes > LitterBytes;
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
                },
                cancellationToken);
        }

        if (_hasHeld)
        {
            await AgentProcess.RunScriptAsync(agent, GuestScripts.Read("dissolve"), [slot.Prefix], default, cancellationToken);
        }
    }

    // Most commands end before their output was looked at, with little of it: that takes two round trips. Null when there is more.
    private async Task<CommandPieces?> TryReadShortAsync(AgentConnection connection)
    {
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
            return null;
        }

        List<GuestOutput> pieces = [];
        for (int i = 0; i < contents.Length; i++)
        {
            Add((GuestStream)i, contents[i], pieces);
        }

        return new CommandPieces(pieces, true);
    }

    private void Add(GuestStream stream, ReadOnlyMemory<byte> content, List<GuestOutput> pieces)
    {
        if (content.Length > 0)
        {
            pieces.Add(new GuestOutput(stream, content));
            _positions[(int)stream] += content.Length;
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
