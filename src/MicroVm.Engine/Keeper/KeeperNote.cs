using System.Globalization;
using System.Text.Json;
using MicroVm.Engine.Native;
using MicroVm.Engine.State;

namespace MicroVm.Engine.Keeper;

/// <summary>What a keeper says of itself in the file that it holds locked.</summary>
/// <param name="Process">The keeper.</param>
/// <param name="Version">The version of the engine that started it.</param>
/// <param name="StartedAt">When it was started.</param>
/// <param name="ModuleFile">A file of what it runs.</param>
/// <param name="ModuleStamp">What <see cref="StampOf"/> said of that file.</param>
internal sealed record KeeperNote(ProcessIdentity Process, string Version, DateTimeOffset StartedAt, string ModuleFile, string? ModuleStamp)
{
    /// <summary>The version of this engine.</summary>
    public static string CurrentVersion { get; } = typeof(KeeperNote).Assembly.GetName().Version!.ToString();

    /// <summary>
    /// Whether another keeper should take its place: what it runs was removed or built anew, or is older than this engine. One that is newer stays, else
    /// two versions side by side would replace each other's for ever.
    /// </summary>
    public bool IsOutdated => StampOf(ModuleFile) != ModuleStamp
        || !System.Version.TryParse(Version, out Version? version)
        || version < System.Version.Parse(CurrentVersion);

    /// <summary>Tells a file from another in its place; null when there is none.</summary>
    public static string? StampOf(string file) => new FileInfo(file) is { Exists: true } found
        ? string.Create(CultureInfo.InvariantCulture, $"{found.Length}-{found.LastWriteTimeUtc.Ticks}")
        : null;

    /// <summary>Writes it.</summary>
    public byte[] ToJson() => JsonFields.Write(writer =>
    {
        StateJson.Write(writer, "process", Process);
        writer.WriteString("version", Version);
        writer.WriteString("startedAt", StartedAt);
        writer.WriteString("moduleFile", ModuleFile);
        writer.WriteUnlessNull("moduleStamp", ModuleStamp);
    });

    /// <summary>Reads it; null when it is none, as while it is being written.</summary>
    public static KeeperNote? Parse(ReadOnlyMemory<byte> json)
    {
        try
        {
            return JsonFields.Read(json, static fields => new KeeperNote(
                StateJson.ReadProcess(fields.Object("process")),
                fields.Text("version"),
                fields.Time("startedAt"),
                fields.Text("moduleFile"),
                fields.TextOrNull("moduleStamp")));
        }
        catch (JsonException)
        {
            return null;
        }
    }
}
