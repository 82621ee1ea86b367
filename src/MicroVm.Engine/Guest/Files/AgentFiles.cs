using System.Text;
using MicroVm.Engine.Errors;
using MicroVm.Engine.Guest.Agent;

namespace MicroVm.Engine.Guest.Files;

/// <summary>
/// A guest's files, by way of its agent. Remembers the handles that are open in the agent, which outlive the conversation. One call is made after the other: an
/// agent that is sent more while it answers can lose some of it.
/// </summary>
internal sealed class AgentFiles(GuestAgent agent)
{
    /// <summary>How long cleaning up in the guest may take, whatever became of the copy.</summary>
    private static readonly TimeSpan s_cleanupLimit = TimeSpan.FromSeconds(10);

    private readonly HashSet<long> _handles = [];

    /// <summary>The VM's name.</summary>
    public string VMName => agent.VMName;

    /// <summary>The guest's side of a path, for messages.</summary>
    public string Side => $"in VM '{agent.VMName}'";

    /// <summary>Runs one of the engine's scripts and gives what it printed.</summary>
    /// <exception cref="MicroVmException">It failed, or the agent did.</exception>
    public async Task<byte[]> RunAsync(string script, IReadOnlyList<string> arguments, CancellationToken cancellationToken, string input = "")
    {
        AgentExecStatus ended = await AgentProcess.RunScriptAsync(
            agent, GuestScripts.Read(script), arguments, Encoding.UTF8.GetBytes(input), cancellationToken);
        return ended.ExitCode == 0 ? ended.Output : throw Failure(ended, arguments);
    }

    /// <summary>Opens files as fopen(3) does.</summary>
    /// <returns>Their handles.</returns>
    public async Task<long[]> OpenAsync(IReadOnlyList<string> paths, string mode, CancellationToken cancellationToken)
    {
        List<long> opened = [];
        await AskAsync(
            async connection =>
            {
                foreach (string path in paths)
                {
                    // Once asked, the answer is waited for: nobody else could close the file.
                    long handle = await connection.OpenFileAsync(path, mode, CancellationToken.None);
                    opened.Add(handle);
                    _handles.Add(handle);
                }
            },
            cancellationToken);
        return [.. opened];
    }

    /// <summary>Reads small files from their beginnings, each in one call, and closes them; all in one turn.</summary>
    /// <param name="handles">The files.</param>
    /// <param name="cancellationToken">Ends the wait.</param>
    public Task<byte[][]> ReadAndCloseAsync(IReadOnlyList<long> handles, CancellationToken cancellationToken) => AskAsync(
        async connection =>
        {
            byte[][] contents = new byte[handles.Count][];
            for (int i = 0; i < contents.Length; i++)
            {
                contents[i] = await connection.ReadFileAsync(handles[i], cancellationToken);
                await CloseAsync(connection, handles[i], cancellationToken);
            }

            return contents;
        },
        cancellationToken);

    /// <summary>Reads on in a file; nothing at its end.</summary>
    public Task<byte[]> ReadAsync(long handle, CancellationToken cancellationToken) =>
        AskAsync(connection => connection.ReadFileAsync(handle, cancellationToken), cancellationToken);

    /// <summary>Writes small files, each in one call, and closes them; all in one turn.</summary>
    /// <param name="handles">The files.</param>
    /// <param name="contents">What is to be in them.</param>
    /// <param name="cancellationToken">Ends the wait.</param>
    public Task WriteAndCloseAsync(IReadOnlyList<long> handles, IReadOnlyList<ReadOnlyMemory<byte>> contents, CancellationToken cancellationToken) => AskAsync(
        async connection =>
        {
            for (int i = 0; i < handles.Count; i++)
            {
                await connection.WriteFileAsync(handles[i], contents[i], cancellationToken);
                await CloseAsync(connection, handles[i], cancellationToken);
            }
        },
        cancellationToken);

    /// <summary>Writes on in a file.</summary>
    public Task WriteAsync(long handle, ReadOnlyMemory<byte> content, CancellationToken cancellationToken) =>
        AskAsync(connection => connection.WriteFileAsync(handle, content, cancellationToken), cancellationToken);

    /// <summary>Closes a file.</summary>
    public Task CloseAsync(long handle, CancellationToken cancellationToken) =>
        AskAsync(connection => CloseAsync(connection, handle, cancellationToken), cancellationToken);

    /// <summary>Closes what a copy that failed has left open, and removes what it has left in the guest. Its failure is a warning: the copy's counts.</summary>
    /// <param name="leftover">The path to remove; null for none.</param>
    /// <param name="observer">Hears the warning.</param>
    public async Task CleanUpAsync(string? leftover, IOperationObserver observer)
    {
        using CancellationTokenSource limit = new(s_cleanupLimit);
        try
        {
            foreach (long handle in _handles.ToArray())
            {
                try
                {
                    await CloseAsync(handle, limit.Token);
                }
                catch (MicroVmException exception) when (exception.ErrorId is ErrorIds.GuestAgentError or ErrorIds.GuestCopyFailed)
                {
                    // It was closed by a call whose answer nobody took, or could not be written to its end: it is closed all the same.
                    _handles.Remove(handle);
                }
            }

            if (leftover is not null)
            {
                await RunAsync("copy-remove", [leftover], limit.Token);
            }
        }
        catch (Exception exception) when (exception is MicroVmException or OperationCanceledException)
        {
            observer.Warning(
                leftover is null
                    ? $"Files are still open in the agent of VM '{VMName}': {exception.Message}"
                    : $"Left behind {Side}: {PrintableText.Of(leftover)} ({exception.Message})");
        }
    }

    private async Task CloseAsync(AgentConnection connection, long handle, CancellationToken cancellationToken)
    {
        await connection.CloseFileAsync(handle, cancellationToken);
        _handles.Remove(handle);
    }

    private Task AskAsync(Func<AgentConnection, Task> question, CancellationToken cancellationToken) => AskAsync(
        async connection =>
        {
            await question(connection);
            return true;
        },
        cancellationToken);

    private async Task<T> AskAsync<T>(Func<AgentConnection, Task<T>> question, CancellationToken cancellationToken)
    {
        try
        {
            return await agent.UseAsync(question, cancellationToken);
        }
        catch (MicroVmException exception) when (exception is { ErrorId: ErrorIds.GuestAgentError, InnerException: null })
        {
            throw CopyFailure.InGuest(VMName, exception.Message, exception);
        }
    }

    // The numbers are those of the scripts, which then print the path concerned.
    private MicroVmException Failure(AgentExecStatus ended, IReadOnlyList<string> arguments)
    {
        string path = Encoding.UTF8.GetString(ended.Output) is { Length: > 0 } printed ? printed : arguments.Count > 0 ? arguments[0] : "";
        return ended.ExitCode switch
        {
            40 => CopyFailure.NotFound(path, Side),
            41 => CopyFailure.InTheWay(path, Side),
            42 => CopyFailure.NotADirectory(path, Side),
            43 => CopyFailure.ReadOnly(path, Side),
            44 => CopyFailure.Changed(path),
            45 => CopyFailure.Special(path, Side),
            _ => CopyFailure.InGuest(
                VMName, Encoding.UTF8.GetString(ended.Errors) is { Length: > 0 } words ? words : $"a script ended with {ended.ExitCode ?? ended.Signal}"),
        };
    }
}
