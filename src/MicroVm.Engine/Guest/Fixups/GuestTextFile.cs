using System.Text;
using MicroVm.Engine.Guest.Agent;

namespace MicroVm.Engine.Guest.Fixups;

/// <summary>Small files of the guest, among them those of /proc and /sys, by the agent alone: under emulation a process costs as much as a dozen calls.</summary>
internal static class GuestTextFile
{
    /// <summary>Gives a file a single line as its content.</summary>
    public static async Task WriteAsync(AgentConnection connection, string path, string line, CancellationToken cancellationToken)
    {
        cancellationToken.ThrowIfCancellationRequested();
        // From here on not to be cancelled: the agent keeps open what nobody knows to close.
        long file = await connection.OpenFileAsync(path, "w", CancellationToken.None);
        await connection.CallAllAsync(CancellationToken.None, AgentCalls.WriteFile(file, Encoding.UTF8.GetBytes(line + "\n")), AgentCalls.CloseFile(file));
    }

    /// <summary>Does the same, but makes no file.</summary>
    /// <returns>Whether there was one.</returns>
    public static async Task<bool> TryWriteAsync(AgentConnection connection, string path, string line, CancellationToken cancellationToken)
    {
        if (await connection.TryOpenFileAsync(path, "r", cancellationToken) is not { } there)
        {
            return false;
        }

        await connection.CloseFileAsync(there, cancellationToken);
        await WriteAsync(connection, path, line, cancellationToken);
        return true;
    }
}
