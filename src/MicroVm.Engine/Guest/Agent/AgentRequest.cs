using System.Buffers;
using System.Text.Json;

namespace MicroVm.Engine.Guest.Agent;

/// <summary>A call of the agent (QEMU Guest Agent Protocol Reference).</summary>
/// <param name="Command">Its name.</param>
/// <param name="Arguments">Writes the members of its arguments; null for none.</param>
/// <param name="LongestReplyBytes">What is longer is no answer to it.</param>
internal sealed record AgentRequest(string Command, Action<Utf8JsonWriter>? Arguments = null, int LongestReplyBytes = AgentRequest.ShortReplyBytes)
{
    /// <summary>Enough for all answers but those that carry data.</summary>
    public const int ShortReplyBytes = 1 << 20;

    /// <summary>The request as a line.</summary>
    public ReadOnlyMemory<byte> ToLine()
    {
        ArrayBufferWriter<byte> buffer = new();
        using (Utf8JsonWriter writer = new(buffer))
        {
            writer.WriteStartObject();
            writer.WriteString("execute", Command);
            if (Arguments is not null)
            {
                writer.WriteStartObject("arguments");
                Arguments(writer);
                writer.WriteEndObject();
            }

            writer.WriteEndObject();
        }

        buffer.Write("\n"u8);
        return buffer.WrittenMemory;
    }
}
