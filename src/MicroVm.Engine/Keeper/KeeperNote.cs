using System.Text.Json;
using MicroVm.Engine.Native;
using MicroVm.Engine.State;

namespace MicroVm.Engine.Keeper;

/// <summary>What a keeper says of itself in the file that it holds locked.</summary>
/// <param name="Process">The keeper.</param>
/// <param name="Version">The engine's version.</param>
/// <param name="StartedAt">When it was started.</param>
/// <param name="ModuleFile">A file of what it runs.</param>
internal sealed record KeeperNote(ProcessIdentity Process, string Version, DateTimeOffset StartedAt, string ModuleFile)
{
    /// <summary>The version of this engine.</summary>
    public static string CurrentVersion { get; } = typeof(KeeperNote).Assembly.GetName().Version!.ToString();

    /// <summary>Writes it.</summary>
    public byte[] ToJson() => JsonFields.Write(writer =>
    {
        StateJson.Write(writer, "process", Process);
        writer.WriteString("version", Version);
        writer.WriteString("startedAt", StartedAt);
        writer.WriteString("moduleFile", ModuleFile);
    });

    /// <summary>Reads it; null when it is none, as while it is being written.</summary>
    public static KeeperNote? Parse(ReadOnlyMemory<byte> json)
    {
        try
        {
            return JsonFields.Read(json, static fields => new KeeperNote(
                StateJson.ReadProcess(fields.Object("process")), fields.Text("version"), fields.Time("startedAt"), fields.Text("moduleFile")));
        }
        catch (JsonException)
        {
            return null;
        }
    }
}
