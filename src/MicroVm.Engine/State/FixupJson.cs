using System.Text.Json;

namespace MicroVm.Engine.State;

/// <summary>How a restored guest's fixups are written in the record of its VM.</summary>
internal static class FixupJson
{
    /// <summary>What is due, as a member.</summary>
    public static void Write(Utf8JsonWriter writer, string name, DueFixups due)
    {
        writer.WriteStartObject(name);
        writer.WriteBoolean("workloadFrozen", due.WorkloadFrozen);
        writer.WriteUnlessNull("agentAnswered", due.AgentAnswered);
        writer.WriteBoolean("newIdentity", due.NewIdentity);
        writer.WriteBoolean("renewSshHostKeys", due.RenewSshHostKeys);
        NetworkJson.Write(writer, "formerInterfaces", due.FormerInterfaces);
        writer.WriteBoolean("thawOnly", due.ThawOnly);
        writer.WriteEndObject();
    }

    /// <summary>Reads what is due.</summary>
    public static DueFixups ReadDue(JsonFields fields) => new()
    {
        WorkloadFrozen = fields.Flag("workloadFrozen"),
        AgentAnswered = fields.FlagOrNull("agentAnswered"),
        NewIdentity = fields.Flag("newIdentity"),
        RenewSshHostKeys = fields.Flag("renewSshHostKeys"),
        FormerInterfaces = fields.Objects("formerInterfaces").Select(NetworkJson.ReadInterface).ToArray(),
        ThawOnly = fields.Flag("thawOnly"),
    };

    /// <summary>What was done, as a member; nothing for nothing.</summary>
    public static void Write(Utf8JsonWriter writer, string name, IReadOnlyList<GuestFixup> fixups)
    {
        if (fixups.Count == 0)
        {
            return;
        }

        writer.WriteStartArray(name);
        foreach (GuestFixup fixup in fixups)
        {
            writer.WriteStartObject();
            writer.WriteString("name", fixup.Name);
            writer.WriteString("result", fixup.Result.ToString());
            writer.WriteDuration("duration", fixup.Duration);
            writer.WriteString("detail", fixup.Detail);
            writer.WriteEndObject();
        }

        writer.WriteEndArray();
    }

    /// <summary>Reads one thing that was done.</summary>
    public static GuestFixup ReadFixup(JsonFields fields) => new()
    {
        Name = fields.Text("name"),
        Result = fields.Choice<FixupResult>("result"),
        Duration = fields.Duration("duration"),
        Detail = fields.Text("detail"),
    };
}
