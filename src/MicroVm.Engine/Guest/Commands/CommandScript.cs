using System.Text;

namespace MicroVm.Engine.Guest.Commands;

/// <summary>
/// Wraps a command in the few lines of shell that give it what the agent's guest-exec lacks: files for its output, a mark by which its processes are found
/// again, a directory, variables, a user. Only the lines it needs, since under emulation each costs; and values are arguments of theirs, never part of the text.
/// What keeps the command from being run is said on the agent's own pipe.
/// </summary>
internal sealed class CommandScript
{
    /// <summary>What the wrapper says before the word for what is wrong: storage, directory, user or program.</summary>
    public const string Trouble = "microvm:";

    private readonly StringBuilder _text = new();
    private readonly List<string> _arguments = [];

    private CommandScript()
    {
    }

    /// <summary>The arguments of the guest's shell.</summary>
    /// <param name="command">The command.</param>
    /// <param name="id">What marks its processes.</param>
    /// <param name="slot">Where its files are.</param>
    /// <param name="workloadCgroup">The cgroup it joins if the guest has it.</param>
    /// <param name="hasInputFile">Whether its standard input is a file that the host wrote.</param>
    public static IReadOnlyList<string> Arguments(GuestCommand command, string id, CommandSlot slot, string workloadCgroup, bool hasInputFile)
    {
        CommandScript script = new();
        script.Prepare(command, id, workloadCgroup);
        string run = script.Run(command);
        script.Redirect(slot, hasInputFile);
        script._text.Append(run);
        return ["-c", script._text.ToString(), "sh", .. script._arguments, .. command.ArgumentList];
    }

    private void Prepare(GuestCommand command, string id, string workloadCgroup)
    {
        Line($"{{ echo 0 >{workloadCgroup}/cgroup.procs;}} 2>/dev/null");
        Line("umask 077");
        LineOrTrouble(CommandSlot.MakeDirectory, "storage");
        Line($"export MICROVM_COMMAND={id}");
        if (command.WorkingDirectory is { } directory)
        {
            LineOrTrouble("cd \"$1\" 2>/dev/null", "directory");
            Take(directory, "shift");
        }

        foreach ((string name, string value) in command.Environment)
        {
            Line("export \"${1?}\"");
            Take($"{name}={value}", "shift");
        }

        if (command.User is { } user)
        {
            LineOrTrouble("id -u \"$1\" >/dev/null 2>&1", "user");
            Take(user, "u=$1;shift");
        }
    }

    // The line that becomes the command; what it needs is taken and looked for before.
    private string Run(GuestCommand command)
    {
        if (command.Script is not { } script)
        {
            _arguments.Add(command.FilePath!);
            LineOrTrouble("command -v \"$1\" >/dev/null 2>&1", "program");
            return command.User is null ? "exec \"$@\"" : $"exec su -s {GuestScripts.Shell} -c 'exec \"$@\"' -- \"$u\" sh \"$@\"";
        }

        if (command.User is null && command.Shell is "sh" or GuestScripts.Shell)
        {
            // This shell will do: to start another one takes time.
            return script;
        }

        LineOrTrouble("s=$(command -v \"$1\")", "program");
        Take(command.Shell, "shift");
        Take(script, "t=$1;shift");
        if (command.User is null)
        {
            return "exec \"$s\" -c \"$t\" \"$s\" \"$@\"";
        }

        // A busybox that knows its applets gives no path, and su wants one.
        Line("case $s in /*);;*)s=/bin/$s;;esac");
        return "exec su -s \"$s\" -c \"$t\" -- \"$u\" \"$s\" \"$@\"";
    }

    private void Redirect(CommandSlot slot, bool hasInputFile)
    {
        if (slot.Sweep is { } sweep && !hasInputFile)
        {
            Line($"rm -f {sweep}");
        }

        if (hasInputFile)
        {
            LineOrTrouble($"exec <{slot.Prefix}.in", "storage");
            Line($"rm -f {slot.Prefix}.in");
        }

        LineOrTrouble($"exec >{slot.Prefix}.out 2>{slot.Prefix}.err", "storage");
        Line("umask 022");
    }

    private void Take(string argument, string line)
    {
        _arguments.Add(argument);
        Line(line);
    }

    private void LineOrTrouble(string line, string trouble) => Line($"{line}||{{ echo {Trouble}{trouble} >&2;exit 125;}}");

    private void Line(string line) => _text.Append(line).Append('\n');
}
