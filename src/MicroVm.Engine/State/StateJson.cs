using System.Text.Json;
using MicroVm.Engine.Native;

namespace MicroVm.Engine.State;

/// <summary>How records are written: indented, names in camel case, enumerations by name, nothing for null.</summary>
internal static class StateJson
{
    /// <summary>A VM's record.</summary>
    public static byte[] Write(MachineRecord record) => JsonFields.Write(writer =>
    {
        writer.WriteNumber("version", record.Version);
        writer.WriteString("id", record.Id);
        writer.WriteString("name", record.Name);
        writer.WriteUnlessNull("spareName", record.SpareName);
        writer.WriteUnlessNull("description", record.Description);
        writer.WriteUnlessEmpty("tags", record.Tags);
        writer.WriteString("createdAt", record.CreatedAt);
        Write(writer, "hardware", record.Hardware);
        Write(writer, "boot", record.Boot);
        writer.WriteString("state", record.State.ToString());
        if (record.IsBeingMade)
        {
            writer.WriteBoolean("isBeingMade", true);
        }

        writer.WriteUnlessNull("statusDetail", record.StatusDetail);
        writer.WriteUnlessNull("overlayDisk", record.OverlayDisk);
        if (record.Network is { } network)
        {
            NetworkJson.Write(writer, "network", network);
        }

        writer.WriteUnlessNull("restoredFromSnapshotId", record.RestoredFromSnapshotId);
        if (record.Run is { } run)
        {
            Write(writer, "run", run);
        }

        writer.WriteUnlessNull("pendingRunDirectory", record.PendingRunDirectory);
        if (record.OwnerProcess is { } owner)
        {
            Write(writer, "ownerProcess", owner);
        }

        writer.WriteUnlessNull("lastExit", record.LastExit);
    });

    /// <summary>Reads a VM's record.</summary>
    /// <exception cref="JsonException">It is none.</exception>
    public static MachineRecord ReadMachine(ReadOnlyMemory<byte> json) => JsonFields.Read(json, static fields => new MachineRecord
    {
        Version = fields.SmallNumber("version"),
        Id = fields.Id("id"),
        Name = fields.Text("name"),
        SpareName = fields.TextOrNull("spareName"),
        Description = fields.TextOrNull("description"),
        Tags = MachineLabels.OfRecord(fields.Map("tags")),
        CreatedAt = fields.Time("createdAt"),
        Hardware = ReadHardware(fields.Object("hardware")),
        Boot = ReadBoot(fields.Object("boot")),
        State = fields.Choice<VmState>("state"),
        IsBeingMade = fields.Flag("isBeingMade"),
        StatusDetail = fields.TextOrNull("statusDetail"),
        OverlayDisk = fields.TextOrNull("overlayDisk"),
        Network = fields.ObjectOrNull("network") is { } network ? NetworkJson.ReadNetwork(network) : null,
        RestoredFromSnapshotId = fields.IdOrNull("restoredFromSnapshotId"),
        Run = fields.ObjectOrNull("run") is { } run ? ReadRun(run) : null,
        PendingRunDirectory = fields.TextOrNull("pendingRunDirectory"),
        OwnerProcess = fields.ObjectOrNull("ownerProcess") is { } owner ? ReadProcess(owner) : null,
        LastExit = fields.TextOrNull("lastExit"),
    });

    /// <summary>How a VMM ended.</summary>
    public static byte[] Write(ExitRecord record) => JsonFields.Write(writer =>
    {
        Write(writer, "process", record.Process);
        writer.WriteStartObject("exit");
        writer.WriteUnlessNull("code", record.Exit.Code);
        writer.WriteUnlessNull("signal", record.Exit.Signal);
        writer.WriteEndObject();
        writer.WriteString("at", record.At);
        writer.WriteUnlessNull("consoleWords", record.ConsoleWords);
        writer.WriteUnlessNull("vmmWords", record.VmmWords);
    });

    /// <summary>Reads how a VMM ended.</summary>
    /// <exception cref="JsonException">It is something else.</exception>
    public static ExitRecord ReadExit(ReadOnlyMemory<byte> json) => JsonFields.Read(json, static fields =>
    {
        JsonFields exit = fields.Object("exit");
        return new ExitRecord(
            ReadProcess(fields.Object("process")),
            new ProcessExit(exit.SmallNumberOrNull("code"), exit.SmallNumberOrNull("signal")),
            fields.Time("at"))
        {
            ConsoleWords = fields.TextOrNull("consoleWords"),
            VmmWords = fields.TextOrNull("vmmWords"),
        };
    });

    /// <summary>A machine's hardware, as a member.</summary>
    public static void Write(Utf8JsonWriter writer, string name, MachineHardware hardware)
    {
        writer.WriteStartObject(name);
        writer.WriteString("hypervisor", hardware.Hypervisor.ToString());
        writer.WriteUnlessNull("hypervisorPath", hardware.HypervisorPath);
        writer.WriteString("accelerator", hardware.Accelerator.ToString());
        writer.WriteNumber("cpuCount", hardware.CpuCount);
        writer.WriteNumber("memoryBytes", hardware.MemoryBytes);
        writer.WriteNumber("diskBytes", hardware.DiskBytes);
        writer.WriteBoolean("hasAgentPort", hardware.HasAgentPort);
        if (hardware.HotPlugPorts > 0)
        {
            writer.WriteNumber("hotPlugPorts", hardware.HotPlugPorts);
        }

        NetworkJson.Write(writer, "interfaces", hardware.Interfaces);
        writer.WriteEndObject();
    }

    /// <summary>Reads a machine's hardware.</summary>
    public static MachineHardware ReadHardware(JsonFields fields) => new()
    {
        Hypervisor = fields.Choice<HypervisorKind>("hypervisor"),
        HypervisorPath = fields.TextOrNull("hypervisorPath"),
        Accelerator = fields.Choice<AcceleratorKind>("accelerator"),
        CpuCount = fields.SmallNumber("cpuCount"),
        MemoryBytes = fields.Number("memoryBytes"),
        DiskBytes = fields.Number("diskBytes"),
        HasAgentPort = fields.Flag("hasAgentPort"),
        HotPlugPorts = fields.SmallNumberOrNull("hotPlugPorts") ?? 0,
        Interfaces = fields.Objects("interfaces").Select(NetworkJson.ReadInterface).ToArray(),
    };

    /// <summary>What a machine boots, as a member.</summary>
    public static void Write(Utf8JsonWriter writer, string name, BootSource boot)
    {
        writer.WriteStartObject(name);
        writer.WriteUnlessNull("image", boot.Image);
        writer.WriteUnlessNull("imageDigest", boot.ImageDigest);
        writer.WriteString("kernelPath", boot.KernelPath);
        writer.WriteUnlessNull("initramfsPath", boot.InitramfsPath);
        writer.WriteUnlessNull("rootDiskPath", boot.RootDiskPath);
        writer.WriteTexts("kernelArguments", boot.KernelArguments);
        writer.WriteUnlessNull("readyMarker", boot.ReadyMarker);
        writer.WriteUnlessNull("hostname", boot.Hostname);
        writer.WriteBoolean("hasConfigurationDisk", boot.HasConfigurationDisk);
        writer.WriteEndObject();
    }

    /// <summary>Reads what a machine boots.</summary>
    public static BootSource ReadBoot(JsonFields fields) => new()
    {
        Image = fields.TextOrNull("image"),
        ImageDigest = fields.TextOrNull("imageDigest"),
        KernelPath = fields.Text("kernelPath"),
        InitramfsPath = fields.TextOrNull("initramfsPath"),
        RootDiskPath = fields.TextOrNull("rootDiskPath"),
        KernelArguments = fields.Texts("kernelArguments"),
        ReadyMarker = fields.TextOrNull("readyMarker"),
        Hostname = fields.TextOrNull("hostname"),
        HasConfigurationDisk = fields.Flag("hasConfigurationDisk"),
    };

    private static void Write(Utf8JsonWriter writer, string name, MachineRun run)
    {
        writer.WriteStartObject(name);
        writer.WriteString("runDirectory", run.RunDirectory);
        Write(writer, "process", run.Process);
        writer.WriteString("hypervisorVersion", run.HypervisorVersion);
        writer.WriteString("accelerator", run.Accelerator.ToString());
        writer.WriteString("startedAt", run.StartedAt);
        writer.WriteNumber("serialLogOffset", run.SerialLogOffset);
        writer.WriteNumber("vmmLogOffset", run.VmmLogOffset);
        writer.WriteBoolean("readyAtStart", run.ReadyAtStart);
        if (run.Links.Count > 0)
        {
            writer.WriteTexts("links", run.Links);
        }

        if (run.DueFixups is { } due)
        {
            FixupJson.Write(writer, "dueFixups", due);
        }

        FixupJson.Write(writer, "fixups", run.Fixups);
        writer.WriteEndObject();
    }

    private static MachineRun ReadRun(JsonFields fields) => new()
    {
        RunDirectory = fields.Text("runDirectory"),
        Process = ReadProcess(fields.Object("process")),
        HypervisorVersion = fields.Text("hypervisorVersion"),
        Accelerator = fields.Choice<AcceleratorKind>("accelerator"),
        StartedAt = fields.Time("startedAt"),
        SerialLogOffset = fields.Number("serialLogOffset"),
        VmmLogOffset = fields.NumberOrNull("vmmLogOffset") ?? 0,
        ReadyAtStart = fields.Flag("readyAtStart"),
        Links = fields.Texts("links"),
        DueFixups = fields.ObjectOrNull("dueFixups") is { } due ? FixupJson.ReadDue(due) : null,
        Fixups = fields.Objects("fixups").Select(FixupJson.ReadFixup).ToArray(),
    };

    /// <summary>Which process, as a member.</summary>
    public static void Write(Utf8JsonWriter writer, string name, ProcessIdentity process)
    {
        writer.WriteStartObject(name);
        writer.WriteNumber("processId", process.ProcessId);
        writer.WriteNumber("startTicks", process.StartTicks);
        writer.WriteString("bootId", process.BootId);
        writer.WriteEndObject();
    }

    /// <summary>Reads which process.</summary>
    public static ProcessIdentity ReadProcess(JsonFields fields) =>
        new(fields.SmallNumber("processId"), fields.Number("startTicks"), fields.Text("bootId"));
}
