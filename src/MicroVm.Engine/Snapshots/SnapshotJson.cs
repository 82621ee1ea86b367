using System.Text.Json;
using MicroVm.Engine.State;

namespace MicroVm.Engine.Snapshots;

/// <summary>How manifests are written, like the records of VMs.</summary>
internal static class SnapshotJson
{
    /// <summary>A manifest.</summary>
    public static byte[] Write(SnapshotManifest manifest) => JsonFields.Write(writer =>
    {
        writer.WriteNumber("version", manifest.Version);
        writer.WriteString("id", manifest.Id);
        writer.WriteString("name", manifest.Name);
        writer.WriteUnlessNull("description", manifest.Description);
        writer.WriteString("machineId", manifest.MachineId);
        writer.WriteString("machineName", manifest.MachineName);
        writer.WriteUnlessNull("machineDescription", manifest.MachineDescription);
        writer.WriteUnlessEmpty("machineTags", manifest.MachineTags);
        writer.WriteString("createdAt", manifest.CreatedAt);
        writer.WriteDuration("pauseDuration", manifest.PauseDuration);
        writer.WriteUnlessNull("parentId", manifest.ParentId);
        StateJson.Write(writer, "hardware", manifest.Hardware);
        StateJson.Write(writer, "boot", manifest.Boot);
        NetworkJson.Write(writer, "formerInterfaces", manifest.FormerInterfaces ?? []);
        if (manifest.Network is { } network)
        {
            NetworkJson.Write(writer, "network", network);
        }

        writer.WriteString("kernelDigest", manifest.KernelDigest);
        writer.WriteUnlessNull("initramfsDigest", manifest.InitramfsDigest);
        writer.WriteBoolean("guestWasReady", manifest.GuestWasReady);
        writer.WriteUnlessNull("agentAnswered", manifest.AgentAnswered);
        writer.WriteBoolean("workloadFrozen", manifest.WorkloadFrozen);
        writer.WriteBoolean("identityDue", manifest.IdentityDue);
        Write(writer, "host", manifest.Host);
        Write(writer, "memory", manifest.Memory);
        Write(writer, "deviceState", manifest.DeviceState);
        if (manifest.Disk is { } disk)
        {
            Write(writer, "disk", disk);
        }
    });

    /// <summary>Reads a manifest.</summary>
    /// <exception cref="JsonException">It is none.</exception>
    public static SnapshotManifest Read(ReadOnlyMemory<byte> json) => JsonFields.Read(json, static fields => new SnapshotManifest
    {
        Version = fields.SmallNumber("version"),
        Id = fields.Id("id"),
        Name = fields.Text("name"),
        Description = fields.TextOrNull("description"),
        MachineId = fields.Id("machineId"),
        MachineName = fields.Text("machineName"),
        MachineDescription = fields.TextOrNull("machineDescription"),
        MachineTags = MachineLabels.OfRecord(fields.Map("machineTags")),
        CreatedAt = fields.Time("createdAt"),
        PauseDuration = fields.Duration("pauseDuration"),
        ParentId = fields.IdOrNull("parentId"),
        Hardware = StateJson.ReadHardware(fields.Object("hardware")),
        Boot = StateJson.ReadBoot(fields.Object("boot")),
        FormerInterfaces = fields.Objects("formerInterfaces") is { Count: > 0 } former ? former.Select(NetworkJson.ReadInterface).ToArray() : null,
        Network = fields.ObjectOrNull("network") is { } network ? NetworkJson.ReadNetwork(network) : null,
        KernelDigest = fields.Text("kernelDigest"),
        InitramfsDigest = fields.TextOrNull("initramfsDigest"),
        GuestWasReady = fields.Flag("guestWasReady"),
        AgentAnswered = fields.FlagOrNull("agentAnswered"),
        WorkloadFrozen = fields.Flag("workloadFrozen"),
        IdentityDue = fields.Flag("identityDue"),
        Host = ReadHost(fields.Object("host")),
        Memory = ReadFile(fields.Object("memory")),
        DeviceState = ReadFile(fields.Object("deviceState")),
        Disk = fields.ObjectOrNull("disk") is { } disk ? ReadFile(disk) : null,
    });

    private static void Write(Utf8JsonWriter writer, string name, SnapshotHost host)
    {
        writer.WriteStartObject(name);
        writer.WriteString("architecture", host.Architecture);
        writer.WriteString("hypervisorVersion", host.HypervisorVersion);
        writer.WriteString("machineType", host.MachineType);
        writer.WriteString("accelerator", host.Accelerator.ToString());
        writer.WriteString("cpuModel", host.CpuModel);
        writer.WriteEndObject();
    }

    private static SnapshotHost ReadHost(JsonFields fields) => new()
    {
        Architecture = fields.Text("architecture"),
        HypervisorVersion = fields.Text("hypervisorVersion"),
        MachineType = fields.Text("machineType"),
        Accelerator = fields.Choice<AcceleratorKind>("accelerator"),
        CpuModel = fields.Text("cpuModel"),
    };

    private static void Write(Utf8JsonWriter writer, string name, SnapshotFile file)
    {
        writer.WriteStartObject(name);
        writer.WriteString("name", file.Name);
        writer.WriteNumber("bytes", file.Bytes);
        writer.WriteString("digest", file.Digest);
        writer.WriteEndObject();
    }

    private static SnapshotFile ReadFile(JsonFields fields) => new(fields.Text("name"), fields.Number("bytes"), fields.Text("digest"));
}
