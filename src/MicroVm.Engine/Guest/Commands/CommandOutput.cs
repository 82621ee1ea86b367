using System.Diagnostics;
using System.Text;
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
    // What a guest keeps of a command's output, in its memory: beyond this the files are emptied.
    private const long WindowBytes = 8 << 20;

    // Others want a turn, too.
    private static readonly TimeSpan s_turn = TimeSpan.FromMilliseconds(50);

    private readonly string[] _paths = [slot.Prefix + ".out", slot.Prefix + ".err"];

    // With this the wrapper begins the output, when the files are not an earlier command's any more.
    private readonly byte[] _header = Encoding.ASCII.GetBytes(id + "\n");
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
        if (_handles is null && (_handles = await TryBeginAsync(connection, cancellationToken)) is null)
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
            handles = await OpenAsync(connection, "r", cancellationToken);
        }
        catch (MicroVmException exception) when (AgentFailure.IsNoSuchFile(exception))
        {
            // It was ended before it had files.
            return new CommandPieces([], true);
        }

        AgentRequest[] requests = [.. handles.Select(handle => AgentCalls.ReadFile(handle)), .. handles.Select(AgentCalls.CloseFile)];
        JsonElement[] answers = await connection.CallAllAsync(cancellationToken, requests);
        byte[] output = AgentCalls.FileContent(answers[0]);
        byte[] errors = AgentCalls.FileContent(answers[1]);
        if (!output.AsSpan().StartsWith(_header))
        {
            // It was ended before it began, and these are an earlier command's.
            return new CommandPieces([], true);
        }

        if (output.Length == AgentCalls.FileChunkBytes || errors.Length == AgentCalls.FileChunkBytes)
        {
            return await ReadAsync(connection, cancellationToken);
        }

        List<GuestOutput> pieces = [];
        Add(GuestStream.Output, output.AsMemory(_header.Length), pieces);
        Add(GuestStream.Error, errors, pieces);
        return new CommandPieces(pieces, true);
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
                // To open for writing is to empty. The command writes on where it was, and so the host reads on there: what is before takes no memory.
                long[] emptied = await OpenAsync(connection, "w", cancellationToken);
                await connection.CallAllAsync(cancellationToken, [.. emptied.Select(AgentCalls.CloseFile)]);
                return true;
            },
            cancellationToken);
        _windowStart = _readBytes;
        await AgentProcess.RunScriptAsync(agent, GuestScripts.Read("release"), [slot.Prefix], default, cancellationToken);
    }

    /// <summary>Closes the files, and removes what emptying them took. The command has ended.</summary>
    public async Task DisposeAsync(CancellationToken cancellationToken)
    {
        if (_handles is not null)
        {
            await agent.UseAsync(
                async connection =>
                {
                    await CloseAsync(connection, cancellationToken);
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

    // Null while the files are not this command's; when they are, the output stands behind the header.
    private async Task<long[]?> TryBeginAsync(AgentConnection connection, CancellationToken cancellationToken)
    {
        if (await connection.TryOpenFileAsync(_paths[0], "r", cancellationToken) is not { } output)
        {
            return null;
        }

        byte[] first = AgentCalls.FileContent(await connection.CallAsync(AgentCalls.ReadFile(output, _header.Length), cancellationToken));
        if (first.AsSpan().SequenceEqual(_header))
        {
            return [output, await connection.OpenFileAsync(_paths[1], "r", cancellationToken)];
        }

        await connection.CloseFileAsync(output, cancellationToken);
        return null;
    }

    private async Task<long[]> OpenAsync(AgentConnection connection, string mode, CancellationToken cancellationToken)
    {
        JsonElement[] opened = await connection.CallAllAsync(cancellationToken, [.. _paths.Select(path => AgentCalls.OpenFile(path, mode))]);
        return [.. opened.Select(AgentCalls.Number)];
    }

    private async Task CloseAsync(AgentConnection connection, CancellationToken cancellationToken)
    {
        if (_handles is { } handles)
        {
            _handles = null;
            await connection.CallAllAsync(cancellationToken, [.. handles.Select(AgentCalls.CloseFile)]);
        }
    }
}
