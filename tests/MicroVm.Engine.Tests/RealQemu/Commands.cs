using System.Text;
using MicroVm.Engine.Guest.Commands;
using MicroVm.Engine.Machines;

namespace MicroVm.Engine.Tests.RealQemu;

/// <summary>Runs commands in one VM's guest.</summary>
internal sealed class Commands(MicroVmEngine engine, VirtualMachine machine)
{
    // Says where the agent's port is.
    private const string FindPort = "port=$(grep -l '' /sys/class/virtio-ports/*/name | head -n 1); port=${port%/name}; port=/dev/${port##*/}";

    /// <summary>Runs a command to its end.</summary>
    public async Task<CommandResult> RunAsync(GuestCommand command, Func<GuestOutput, Task>? heard = null, CancellationToken cancellationToken = default)
    {
        MemoryStream[] streams = [new(), new()];
        GuestCommandEnd end = await engine.RunCommandAsync(
            machine.Id,
            command,
            piece =>
            {
                streams[(int)piece.Stream].Write(piece.Bytes.Span);
                return heard?.Invoke(piece) ?? Task.CompletedTask;
            },
            NullObserver.Instance,
            cancellationToken);
        return new CommandResult(end, streams[0].ToArray(), streams[1].ToArray());
    }

    /// <summary>What a script says.</summary>
    public async Task<string> AskAsync(string script)
    {
        CommandResult result = await RunAsync(new GuestCommand { Script = script });
        Assert.Equal((0, ""), (result.End.ExitCode, Encoding.UTF8.GetString(result.Errors)));
        return Encoding.UTF8.GetString(result.Output).TrimEnd('\n');
    }

    /// <summary>Starts a script and waits until it has said something.</summary>
    public async Task<Task<CommandResult>> StartAsync(string script, CancellationToken cancellationToken = default)
    {
        TaskCompletionSource said = new(TaskCreationOptions.RunContinuationsAsynchronously);
        Task<CommandResult> running = RunAsync(
            new GuestCommand { Script = script },
            _ =>
            {
                said.TrySetResult();
                return Task.CompletedTask;
            },
            cancellationToken);
        await Task.WhenAny(said.Task, running);
        Assert.True(said.Task.IsCompleted, running.Exception?.ToString() ?? "It said nothing.");
        return running;
    }

    /// <summary>What the agent has open, besides the files of the command that asks and its state, which it writes at times.</summary>
    public Task<string> ListAgentFilesAsync() =>
        AskAsync("own=$(readlink /proc/$$/fd/1); ls -l /proc/$(pidof qemu-ga)/fd | grep -v -e \"${own%out}\" -e qga.state | sed -n -e 's/:.[0-9]*.$//' -e 's/.* -> //p' | sort");

    /// <summary>Kills the agent from the console; its keeper starts it again.</summary>
    public Task KillAgentAsync() => new Guest(machine).AskAsync("kill -9 $(pidof qemu-ga); echo ki''lled", "killed");

    /// <summary>Kills the agent and its keeper; then runs something in its place, in the background.</summary>
    /// <param name="instead">With <c>$port</c> for the agent's port, and <c>&amp;</c> or <c>;</c> at its end.</param>
    public Task ReplaceAgentAsync(string instead) => new Guest(machine).AskAsync(
        $"{FindPort}; a=$(pidof qemu-ga); kill -9 $(sed -n 's/^PPid:.//p' /proc/$a/status) $a; while pidof qemu-ga >/dev/null; do :; done; "
        + $"{instead} echo repl''aced", "replaced");

    /// <summary>Starts the agent by hand, in the place of what <see cref="ReplaceAgentAsync"/> started.</summary>
    public Task StartAgentAsync(string program) => new Guest(machine).AskAsync(
        $"{FindPort}; while pidof {program} >/dev/null; do kill -9 $(pidof {program}) 2>/dev/null; done; {Agent} & echo star''ted", "started");

    /// <summary>The agent's command line, as the guest's keeper has it.</summary>
    public const string Agent = "qemu-ga -m virtio-serial -p $port -t /run -l /dev/null";
}

/// <summary>How a command ended, and all it wrote.</summary>
internal sealed record CommandResult(GuestCommandEnd End, byte[] Output, byte[] Errors)
{
    public string Text => Encoding.UTF8.GetString(Output);
}
