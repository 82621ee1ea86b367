using System.Globalization;
using System.Text;
using System.Text.Json;

namespace MicroVm.Engine.Guest.Agent;

/// <summary>Something that can be waited for in a guest.</summary>
/// <param name="Name">What the guest is then, as in "until it is ...".</param>
/// <param name="IsTrueAsync">Asks the agent.</param>
internal sealed record GuestCondition(string Name, Func<AgentConnection, CancellationToken, Task<bool>> IsTrueAsync)
{
    private static readonly string[] s_socketTables = ["/proc/net/tcp", "/proc/net/tcp6"];

    /// <summary>The agent answers.</summary>
    public static GuestCondition Agent { get; } = new("answering", async (agent, cancellationToken) =>
    {
        await agent.PingAsync(cancellationToken);
        return true;
    });

    /// <summary>An interface other than the loopback has an address that is good beyond its link.</summary>
    public static GuestCondition Network { get; } = new("on a network", async (agent, cancellationToken) =>
    {
        JsonElement interfaces = await agent.CallAsync(new AgentRequest("guest-network-get-interfaces"), cancellationToken);
        return interfaces.ValueKind == JsonValueKind.Array
            ? interfaces.EnumerateArray().Any(HasAddress)
            : throw new FormatException("The agent's answer lists no interfaces.");
    });

    /// <summary>Something in the guest listens on a TCP port.</summary>
    public static GuestCondition Port(int port) => new(string.Create(CultureInfo.InvariantCulture, $"listening on port {port}"), async (agent, cancellationToken) =>
    {
        foreach (string table in s_socketTables)
        {
            if (Listens(await ReadAsync(agent, table, cancellationToken), port))
            {
                return true;
            }
        }

        return false;
    });

    /// <summary>Whether a table of sockets as in proc(5) has one that listens on a port.</summary>
    public static bool Listens(string table, int port)
    {
        const string ListenState = "0A";
        string suffix = string.Create(CultureInfo.InvariantCulture, $":{port:X4}");
        return table.Split('\n')
            .Select(line => line.Split(' ', StringSplitOptions.RemoveEmptyEntries))
            .Any(fields => fields.Length > 3 && fields[1].EndsWith(suffix, StringComparison.Ordinal) && fields[3] == ListenState);
    }

    /// <summary>Whether an interface, as the agent describes it, has an address that is good beyond its link.</summary>
    /// <exception cref="FormatException">It describes none.</exception>
    public static bool HasAddress(JsonElement description)
    {
        try
        {
            return description.GetProperty("name").GetString() != "lo"
                && description.TryGetProperty("ip-addresses", out JsonElement addresses)
                && addresses.EnumerateArray().Any(address => !IsLinkLocal(address.GetProperty("ip-address").GetString()!));
        }
        catch (Exception exception) when (exception is KeyNotFoundException or InvalidOperationException)
        {
            throw new FormatException("The agent's answer describes no interface.", exception);
        }
    }

    private static bool IsLinkLocal(string address) =>
        address.StartsWith("fe80:", StringComparison.OrdinalIgnoreCase) || address.StartsWith("169.254.", StringComparison.Ordinal);

    private static async Task<string> ReadAsync(AgentConnection agent, string path, CancellationToken cancellationToken)
    {
        if (await agent.TryOpenFileAsync(path, "r", CancellationToken.None) is not { } file)
        {
            // A kernel without IPv6 has no table for it.
            return "";
        }

        try
        {
            StringBuilder text = new();
            byte[] content;
            while ((content = await agent.ReadFileAsync(file, cancellationToken)).Length > 0)
            {
                text.Append(Encoding.ASCII.GetString(content));
            }

            return text.ToString();
        }
        finally
        {
            await agent.CloseFileAsync(file, CancellationToken.None);
        }
    }
}
