using System.Text.Json;

namespace MicroVm.Engine.Guest.Agent;

/// <summary>What the agent says of a program it started (<c>guest-exec-status</c>).</summary>
/// <param name="HasExited">Whether it has ended; the rest counts only then.</param>
/// <param name="ExitCode">Its exit code, or null when a signal ended it.</param>
/// <param name="Signal">The signal's number, or null.</param>
/// <param name="Output">What it wrote to its standard output, at most 16 MiB.</param>
/// <param name="Errors">What it wrote to its standard error, at most 16 MiB.</param>
internal sealed record AgentExecStatus(bool HasExited, int? ExitCode, int? Signal, byte[] Output, byte[] Errors)
{
    /// <summary>Reads an answer.</summary>
    /// <exception cref="FormatException">It is none.</exception>
    public static AgentExecStatus From(JsonElement answer)
    {
        if (answer.ValueKind != JsonValueKind.Object || !answer.TryGetProperty("exited", out JsonElement exited))
        {
            throw new FormatException("The agent's answer says nothing of the program.");
        }

        return new AgentExecStatus(exited.ValueKind == JsonValueKind.True, Number(answer, "exitcode"), Number(answer, "signal"), Bytes(answer, "out-data"), Bytes(answer, "err-data"));
    }

    private static int? Number(JsonElement answer, string name) =>
        answer.TryGetProperty(name, out JsonElement value) && value.ValueKind == JsonValueKind.Number && value.TryGetInt32(out int number) ? number : null;

    private static byte[] Bytes(JsonElement answer, string name) =>
        answer.TryGetProperty(name, out JsonElement value) && value.ValueKind == JsonValueKind.String && value.TryGetBytesFromBase64(out byte[]? bytes) ? bytes : [];
}
