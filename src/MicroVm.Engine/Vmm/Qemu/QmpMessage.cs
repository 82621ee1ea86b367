using System.Text.Json;

namespace MicroVm.Engine.Vmm.Qemu;

/// <summary>One message from QEMU (QMP specification, section 2): a greeting, an answer, an error or an event.</summary>
internal sealed record QmpMessage
{
    /// <summary>The version in a greeting, such as "7.2.22"; else null.</summary>
    public string? GreetingVersion { get; private init; }

    /// <summary>The number of the command this answers; null for greetings and events, and for a complaint about unreadable input.</summary>
    public long? Id { get; private init; }

    /// <summary>What a command returned; undefined in all but answers.</summary>
    public JsonElement Return { get; private init; }

    /// <summary>The description of an error; else null.</summary>
    public string? Error { get; private init; }

    /// <summary>The name of an event; else null.</summary>
    public string? Event { get; private init; }

    /// <summary>The data of an event; undefined where it has none.</summary>
    public JsonElement Data { get; private init; }

    /// <summary>Reads a message.</summary>
    /// <exception cref="FormatException">It is none.</exception>
    public static QmpMessage Parse(ReadOnlyMemory<byte> line)
    {
        try
        {
            using JsonDocument document = JsonDocument.Parse(line);
            JsonElement root = document.RootElement.Clone();
            if (root.TryGetProperty("QMP", out JsonElement greeting))
            {
                JsonElement version = greeting.GetProperty("version").GetProperty("qemu");
                return new QmpMessage
                {
                    GreetingVersion = $"{Number(version, "major")}.{Number(version, "minor")}.{Number(version, "micro")}",
                };
            }

            if (root.TryGetProperty("event", out JsonElement name))
            {
                root.TryGetProperty("data", out JsonElement data);
                return new QmpMessage { Event = name.GetString() ?? throw new FormatException("The event has no name."), Data = data };
            }

            long? id = root.TryGetProperty("id", out JsonElement number) ? number.GetInt64() : null;
            return root.TryGetProperty("error", out JsonElement error)
                ? new QmpMessage { Id = id, Error = error.GetProperty("desc").GetString() ?? "no description" }
                : new QmpMessage { Id = id, Return = root.GetProperty("return") };
        }
        catch (Exception exception) when (exception is JsonException or KeyNotFoundException or InvalidOperationException or FormatException)
        {
            throw new FormatException("QEMU sent what is no QMP message.", exception);
        }
    }

    private static int Number(JsonElement element, string name) => element.GetProperty(name).GetInt32();
}
