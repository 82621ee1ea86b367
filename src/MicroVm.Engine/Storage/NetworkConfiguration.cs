using System.Globalization;
using System.Text;
using MicroVm.Engine.State;

namespace MicroVm.Engine.Storage;

/// <summary>What cloud-init is told of the network: its network configuration, version 2, which is also netplan's. YAML; quotes keep addresses from being numbers.</summary>
internal static class NetworkConfiguration
{
    private const string Dhcp = "dhcp";

    /// <summary>The file's content. The guest finds its interfaces by their hardware addresses.</summary>
    public static byte[] Of(IReadOnlyList<MachineInterface> interfaces)
    {
        StringBuilder text = new("version: 2\nethernets:\n");
        for (int i = 0; i < interfaces.Count; i++)
        {
            Append(text, i, interfaces[i]);
        }

        return Encoding.UTF8.GetBytes(text.ToString());
    }

    private static void Append(StringBuilder text, int index, MachineInterface one)
    {
        text.Append(CultureInfo.InvariantCulture, $"  eth{index}:\n    match:\n      macaddress: \"{one.MacAddress}\"\n");
        bool asks = one.Address == Dhcp;
        text.Append("    dhcp4: ").Append(asks ? "true" : "false").Append('\n');
        if (one.AddressV6 is not null && one.GatewayV6 is not null)
        {
            // All is said.
            text.Append("    accept-ra: false\n");
        }

        string[] addresses = [.. new[] { asks ? null : one.Address, one.AddressV6 }.OfType<string>()];
        AppendList(text, "    addresses:\n", "      ", addresses);
        if ((asks ? null : one.Gateway) is not null || one.GatewayV6 is not null)
        {
            text.Append("    routes:\n");
            AppendRoute(text, "0.0.0.0/0", asks ? null : one.Gateway, index);
            AppendRoute(text, "::/0", one.GatewayV6, index);
        }

        AppendList(text, "    nameservers:\n      addresses:\n", "        ", one.NameServers);
    }

    private static void AppendList(StringBuilder text, string head, string indent, IReadOnlyList<string> values)
    {
        if (values.Count > 0)
        {
            text.Append(head);
            foreach (string value in values)
            {
                text.Append(indent).Append("- \"").Append(value).Append("\"\n");
            }
        }
    }

    private static void AppendRoute(StringBuilder text, string to, string? gateway, int index)
    {
        if (gateway is null)
        {
            return;
        }

        text.Append(CultureInfo.InvariantCulture, $"      - to: \"{to}\"\n        via: \"{gateway}\"\n        on-link: true\n");
        if (index > 0)
        {
            // The first interface's is preferred.
            text.Append(CultureInfo.InvariantCulture, $"        metric: {1024 + index}\n");
        }
    }
}
