using System.Text;
using MicroVm.Engine.Guest.Agent;

namespace MicroVm.Engine.Guest.Fixups;

/// <summary>Tells a clone who it is.</summary>
internal static class IdentityFixup
{
    // The script's exit code.
    private const int NoKeys = 3;

    /// <summary>Sets the host name, and the one for later boots where the guest has it in /etc/hostname (hostname(5)).</summary>
    public static async Task<(FixupResult Result, string Detail)> SetHostNameAsync(AgentConnection connection, string name, CancellationToken cancellationToken)
    {
        await GuestTextFile.WriteAsync(connection, "/proc/sys/kernel/hostname", name, cancellationToken);
        await GuestTextFile.TryWriteAsync(connection, "/etc/hostname", name, cancellationToken);
        return (FixupResult.Done, $"It is '{name}' now.");
    }

    /// <summary>Sets the machine id (machine-id(5)) of a guest that has one.</summary>
    public static async Task<(FixupResult Result, string Detail)> SetMachineIdAsync(AgentConnection connection, Guid id, CancellationToken cancellationToken)
    {
        string text = id.ToString("N");
        if (!await GuestTextFile.TryWriteAsync(connection, "/etc/machine-id", text, cancellationToken))
        {
            return (FixupResult.NotNeeded, "The guest has no /etc/machine-id.");
        }

        // Often a link to the other.
        await GuestTextFile.TryWriteAsync(connection, "/var/lib/dbus/machine-id", text, cancellationToken);
        return (FixupResult.Done, $"It is {text} now.");
    }

    /// <summary>Makes the SSH host keys anew where there are any. The kernel must have been reseeded before.</summary>
    public static async Task<(FixupResult Result, string Detail)> RenewSshHostKeysAsync(
        AgentConnection connection, GuestAgent agent, CancellationToken cancellationToken)
    {
        if (await connection.TryOpenFileAsync("/etc/ssh", "r", cancellationToken) is not { } directory)
        {
            return None;
        }

        await connection.CloseFileAsync(directory, cancellationToken);
        AgentExecStatus status = await GuestProgram.RunScriptAsync(connection, agent, "ssh-host-keys", [], default, cancellationToken);
        return status.ExitCode switch
        {
            0 => (FixupResult.Done, $"{PrintableText.Of(Encoding.UTF8.GetString(status.Output).Trim())} made anew."),
            NoKeys => None,
            _ => (FixupResult.Failed, $"They could not be made: {PrintableText.Of(Encoding.UTF8.GetString(status.Errors).Trim())}"),
        };
    }

    private static (FixupResult Result, string Detail) None => (FixupResult.NotNeeded, "The guest has none.");
}
