using System.Diagnostics;
using System.Globalization;
using System.Security.Cryptography;
using System.Text;
using MicroVm.Engine.Errors;
using MicroVm.Engine.Guest.Agent;

namespace MicroVm.Engine.Guest.Commands;

/// <summary>
/// Runs one command in a guest. The agent's guest-exec gives output only after the end, 16 MiB at most, and cannot end what it started; so the command is
/// wrapped in a few lines of shell (<see cref="CommandScript"/>) that send its output to files, which are read while they grow.
/// </summary>
internal sealed class CommandRunner
{
    // What the agent passes on by a pipe; more goes by a file.
    private const int LongestPipedBytes = 1 << 20;

    // For ending a command whose caller has gone: two seconds of grace in the guest, and a busy host.
    private static readonly TimeSpan s_endLimit = TimeSpan.FromSeconds(20);

    // Whoever takes output for longer than this makes the command wait.
    private static readonly TimeSpan s_patience = TimeSpan.FromMilliseconds(200);

    // The guest lets a command that stands still go on after a minute.
    private static readonly TimeSpan s_renewal = TimeSpan.FromSeconds(30);

    private readonly GuestAgent _agent;
    private readonly GuestCommand _command;
    private readonly Func<GuestOutput, Task> _take;
    private readonly string _id = RandomNumberGenerator.GetHexString(16, lowercase: true);
    private readonly string _workloadCgroup;
    private readonly CommandSlot _slot;
    private readonly CommandOutput _output;
    private readonly long _startedAt = Stopwatch.GetTimestamp();
    private AgentProcess? _process;
    private AgentExecStatus? _end;
    private long? _inputFile;

    private CommandRunner(GuestAgent agent, GuestCommand command, string workloadCgroup, CommandSlot slot, Func<GuestOutput, Task> take)
    {
        _agent = agent;
        _command = command;
        _workloadCgroup = workloadCgroup;
        _slot = slot;
        _take = take;
        _output = new CommandOutput(agent, _id, slot);
    }

    /// <summary>Runs a command to its end.</summary>
    /// <param name="agent">The guest's agent.</param>
    /// <param name="command">The command, which keeps the rules.</param>
    /// <param name="workloadCgroup">The cgroup it joins if the guest has it.</param>
    /// <param name="take">Takes its output as it comes. While it does not return, nothing is read, and a command that writes much has to wait.</param>
    /// <param name="cancellationToken">Ends the command with all its processes.</param>
    /// <exception cref="MicroVmException">
    /// <see cref="ErrorIds.GuestCommandNotFound"/>; <see cref="ErrorIds.FileNotFound"/> for the working directory; <see cref="ErrorIds.InvalidGuestCommand"/>;
    /// <see cref="ErrorIds.MicroVmTimeout"/>; and as <see cref="GuestAgent.UseAsync"/>.
    /// </exception>
    public static async Task<GuestCommandEnd> RunAsync(
        GuestAgent agent, GuestCommand command, string workloadCgroup, Func<GuestOutput, Task> take, CancellationToken cancellationToken)
    {
        using CommandSlot slot = CommandSlot.Take(agent.Directory);
        CommandRunner runner = new(agent, command, workloadCgroup, slot, take);
        using CancellationTokenSource limit = CancellationTokenSource.CreateLinkedTokenSource(cancellationToken);
        if (command.Timeout is { } timeout)
        {
            limit.CancelAfter(timeout);
        }

        try
        {
            AgentExecStatus status = await runner.RunAsync(limit.Token);
            return new GuestCommandEnd(status.ExitCode ?? 128 + (status.Signal ?? 0), Stopwatch.GetElapsedTime(runner._startedAt));
        }
        catch (Exception exception) when (exception is not MicroVmException { ErrorId: ErrorIds.GuestAgentUnavailable })
        {
            await runner.EndAsync();
            if (exception is OperationCanceledException && !cancellationToken.IsCancellationRequested)
            {
                throw runner.TimedOut();
            }

            throw;
        }
    }

    private async Task<AgentExecStatus> RunAsync(CancellationToken cancellationToken)
    {
        bool hasInputFile = _command.Input.Length > LongestPipedBytes;
        if (hasInputFile)
        {
            await WriteInputAsync(cancellationToken);
        }

        CommandPieces output = await _agent.UseAsync(connection => StartAsync(connection, hasInputFile, cancellationToken), cancellationToken);
        while (true)
        {
            await HandOnAsync(output.Pieces, cancellationToken);
            if (_end is not null && output.IsAll)
            {
                await _output.DisposeAsync(cancellationToken);
                return _end;
            }

            if (_end is null && _output.IsWindowFull)
            {
                await _output.EmptyAsync(_process!, TakeAsync, cancellationToken);
            }

            if (output.IsAll)
            {
                await Task.Delay(_process!.Pause, cancellationToken);
            }

            output = await _agent.UseAsync(connection => GoOnAsync(connection, cancellationToken), cancellationToken);
        }
    }

    // While nobody takes what it wrote, a command that runs stands still: it could fill the guest's disk.
    private async Task HandOnAsync(IReadOnlyList<GuestOutput> pieces, CancellationToken cancellationToken)
    {
        Task taking = TakeAsync(pieces);
        bool isHeld = false;
        for (TimeSpan patience = s_patience; _end is null && !taking.IsCompleted && await Task.WhenAny(taking, Task.Delay(patience, cancellationToken)) != taking; patience = s_renewal)
        {
            cancellationToken.ThrowIfCancellationRequested();
            isHeld = await _output.TryHoldAsync(_process!, cancellationToken);
            if (!isHeld)
            {
                break;
            }
        }

        await taking;
        if (isHeld)
        {
            await _output.ReleaseAsync(cancellationToken);
        }
    }

    private async Task<CommandPieces> StartAsync(AgentConnection connection, bool hasInputFile, CancellationToken cancellationToken)
    {
        IReadOnlyList<string> arguments = CommandScript.Arguments(_command, _id, _slot, _workloadCgroup, hasInputFile);
        // Not to be cancelled: what was started has to be known.
        long id = await connection.ExecuteAsync(GuestScripts.Shell, arguments, hasInputFile ? default : _command.Input, CancellationToken.None);
        _process = new AgentProcess(_agent, id);
        return await ReadAsync(connection, await _process.WatchAsync(connection, cancellationToken), cancellationToken);
    }

    private async Task<CommandPieces> GoOnAsync(AgentConnection connection, CancellationToken cancellationToken) =>
        await ReadAsync(connection, _end ?? await connection.ExecuteStatusAsync(_process!.ProcessId, cancellationToken), cancellationToken);

    // The status was asked for before: what the command wrote before its end is then read for certain.
    private async Task<CommandPieces> ReadAsync(AgentConnection connection, AgentExecStatus status, CancellationToken cancellationToken)
    {
        if (status.HasExited)
        {
            _end = status;
            if (Obstacle(status) is { } obstacle)
            {
                throw obstacle;
            }
        }

        return status.HasExited ? await _output.FinishAsync(connection, cancellationToken) : await _output.ReadAsync(connection, cancellationToken);
    }

    private async Task TakeAsync(IReadOnlyList<GuestOutput> pieces)
    {
        foreach (GuestOutput piece in pieces)
        {
            await _take(piece);
        }
    }

    private async Task WriteInputAsync(CancellationToken cancellationToken)
    {
        await AgentProcess.RunScriptAsync(_agent, $"umask 077\n{CommandSlot.MakeDirectory}", [], default, cancellationToken);
        // Not to be cancelled: what was opened has to be known.
        _inputFile = await _agent.UseAsync(connection => connection.OpenFileAsync(_slot.Prefix + ".in", "w", CancellationToken.None), cancellationToken);
        for (int start = 0; start < _command.Input.Length; start += AgentCalls.FileChunkBytes)
        {
            ReadOnlyMemory<byte> piece = _command.Input.Slice(start, Math.Min(AgentCalls.FileChunkBytes, _command.Input.Length - start));
            await _agent.UseAsync(connection => connection.WriteFileAsync(_inputFile.Value, piece, cancellationToken), cancellationToken);
        }

        await _agent.UseAsync(connection => CloseInputAsync(connection, cancellationToken), cancellationToken);
    }

    private async Task CloseInputAsync(AgentConnection connection, CancellationToken cancellationToken)
    {
        if (_inputFile is { } file)
        {
            _inputFile = null;
            await connection.CloseFileAsync(file, cancellationToken);
        }
    }

    // What kept the command from being run, as the wrapper said it on the agent's own pipe; null when it ran.
    private MicroVmException? Obstacle(AgentExecStatus status)
    {
        string said = Encoding.UTF8.GetString(status.Errors).TrimEnd();
        int at = said.LastIndexOf(CommandScript.Trouble, StringComparison.Ordinal);
        (string Id, ErrorKind Kind, string Message, string Advice)? failure = (at < 0 ? said : said[(at + CommandScript.Trouble.Length)..]) switch
        {
            "" => null,
            "program" => (
                ErrorIds.GuestCommandNotFound,
                ErrorKind.NotFound,
                $"The guest of VM '{_agent.VMName}' has no program '{(_command.Script is null ? _command.FilePath : _command.Shell)}' that can be run.",
                "Check the name, or give the path."),
            "directory" => (
                ErrorIds.FileNotFound, ErrorKind.NotFound, $"The guest of VM '{_agent.VMName}' has no directory '{_command.WorkingDirectory}'.", "Check -WorkingDirectory."),
            "user" => (ErrorIds.InvalidGuestCommand, ErrorKind.InvalidArgument, $"The guest of VM '{_agent.VMName}' has no user '{_command.User}'.", "Check -User."),
            _ => (
                ErrorIds.StorageFailed,
                ErrorKind.ResourceUnavailable,
                $"The guest of VM '{_agent.VMName}' cannot hold the command's output, neither in /var/lib nor in /run: {PrintableText.Of(said.Replace('\n', ' '))}",
                "Free space or memory in the guest."),
        };
        return failure is { } found ? new MicroVmException(found.Id, found.Kind, found.Message) { Target = _agent.VMName, RecommendedAction = found.Advice } : null;
    }

    // Whoever waited has gone; the command must not outlive that, nor what it needed in the guest.
    private async Task EndAsync()
    {
        using CancellationTokenSource limit = new(s_endLimit);
        try
        {
            if (_end is null)
            {
                await EndProcessesAsync(limit.Token);
            }

            if (_inputFile is not null)
            {
                await _agent.UseAsync(connection => CloseInputAsync(connection, limit.Token), limit.Token);
            }

            await _output.DisposeAsync(limit.Token);
            // They may be what has filled the guest's disk.
            await AgentProcess.RunScriptAsync(_agent, $"rm -f {_slot.Prefix}.*", [], default, limit.Token);
        }
        catch (Exception exception) when (exception is MicroVmException or OperationCanceledException)
        {
            // A guest that does not answer cannot be helped; what is thrown already matters more.
        }
    }

    private async Task EndProcessesAsync(CancellationToken cancellationToken)
    {
        string script = GuestScripts.Read("members") + GuestScripts.Read("end");
        await AgentProcess.RunScriptAsync(_agent, script, [_id, _slot.Prefix], default, cancellationToken);
        try
        {
            if (_process is not null)
            {
                // The agent keeps what it started on its list until it is asked.
                await _process.WaitAsync(cancellationToken);
            }
        }
        catch (MicroVmException exception) when (exception.ErrorId == ErrorIds.GuestAgentError)
        {
            // An agent that was started again meanwhile has no such process.
        }
    }

    private MicroVmException TimedOut() => new(
        ErrorIds.MicroVmTimeout,
        ErrorKind.Timeout,
        string.Create(CultureInfo.InvariantCulture, $"The command in VM '{_agent.VMName}' ran longer than {_command.Timeout!.Value.TotalSeconds:0.#} s and was ended."))
    {
        Target = _agent.VMName,
        RecommendedAction = "Give it more time (-TimeoutSeconds).",
    };
}
