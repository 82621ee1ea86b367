using System.Text.Json;

namespace MicroVm.Engine.State;

/// <summary>How networks are written in records and manifests: ports and rules as the texts a user writes.</summary>
internal static class NetworkJson
{
    /// <summary>A machine's interfaces, as a member; nothing for none.</summary>
    public static void Write(Utf8JsonWriter writer, string name, IReadOnlyList<MachineInterface> interfaces)
    {
        if (interfaces.Count == 0)
        {
            return;
        }

        writer.WriteStartArray(name);
        foreach (MachineInterface one in interfaces)
        {
            writer.WriteStartObject();
            writer.WriteString("mode", one.Mode.ToString());
            writer.WriteUnlessNull("name", one.Name);
            writer.WriteUnlessNull("networkNamespace", one.NetworkNamespace);
            writer.WriteUnlessNull("tapDevice", one.TapDevice);
            writer.WriteUnlessNull("port", one.Port);
            writer.WriteString("macAddress", one.MacAddress);
            writer.WriteUnlessNull("address", one.Address);
            writer.WriteUnlessNull("gateway", one.Gateway);
            writer.WriteUnlessNull("addressV6", one.AddressV6);
            writer.WriteUnlessNull("gatewayV6", one.GatewayV6);
            writer.WriteTexts("nameServers", one.NameServers);
            writer.WriteEndObject();
        }

        writer.WriteEndArray();
    }

    /// <summary>Reads an interface.</summary>
    public static MachineInterface ReadInterface(JsonFields fields) => new()
    {
        Mode = fields.Choice<NetworkMode>("mode"),
        Name = fields.TextOrNull("name"),
        NetworkNamespace = fields.TextOrNull("networkNamespace"),
        TapDevice = fields.TextOrNull("tapDevice"),
        Port = fields.SmallNumberOrNull("port"),
        MacAddress = fields.Text("macAddress"),
        Address = fields.TextOrNull("address"),
        Gateway = fields.TextOrNull("gateway"),
        AddressV6 = fields.TextOrNull("addressV6"),
        GatewayV6 = fields.TextOrNull("gatewayV6"),
        NameServers = fields.Texts("nameServers"),
    };

    /// <summary>What the host keeps for a VM's network, as a member.</summary>
    public static void Write(Utf8JsonWriter writer, string name, MachineNetwork network)
    {
        writer.WriteStartObject(name);
        writer.WriteStartArray("slots");
        foreach (int? slot in network.Slots)
        {
            // 0 is no slot.
            writer.WriteNumberValue(slot ?? 0);
        }

        writer.WriteEndArray();
        WriteSettings(writer, network.PublishedPorts, network.Egress);
        writer.WriteEndObject();
    }

    /// <summary>Reads what the host keeps for a VM's network.</summary>
    public static MachineNetwork ReadNetwork(JsonFields fields) => new()
    {
        Slots = [.. fields.SmallNumbers("slots").Select(slot => slot == 0 ? (int?)null : slot)],
        PublishedPorts = ReadPorts(fields),
        Egress = ReadEgress(fields),
    };

    /// <summary>Published ports and an egress policy, as members.</summary>
    public static void WriteSettings(Utf8JsonWriter writer, IReadOnlyList<PublishedPort> ports, EgressPolicy egress)
    {
        writer.WriteTexts("publishedPorts", [.. ports.Select(port => port.ToString())]);
        writer.WriteString("egress", egress.Base.ToString());
        writer.WriteTexts("egressRules", [.. egress.Rules.Select(rule => rule.ToString())]);
    }

    /// <summary>Reads published ports.</summary>
    public static IReadOnlyList<PublishedPort> ReadPorts(JsonFields fields) =>
        [.. fields.Texts("publishedPorts").Select(text => PublishedPort.TryParse(text) ?? throw new JsonException($"'{text}' is no published port."))];

    /// <summary>Reads an egress policy; the default one where there is none.</summary>
    public static EgressPolicy ReadEgress(JsonFields fields) => fields.TextOrNull("egress") is null
        ? EgressPolicy.Default
        : new EgressPolicy(
            fields.Choice<EgressBase>("egress"),
            [.. fields.Texts("egressRules").Select(text => EgressRule.TryParse(text) ?? throw new JsonException($"'{text}' is no rule."))]);
}
