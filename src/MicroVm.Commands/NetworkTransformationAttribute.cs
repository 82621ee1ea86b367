using System.Collections;
using System.Management.Automation;
using MicroVm.Engine;
using MicroVm.Engine.Machines;

namespace MicroVm.Commands;

/// <summary>
/// Makes interfaces of what a user writes: "Nat", the name of a network, "None" for none, or a table such as <c>@{ Mode = 'Bridge'; Name = 'br0' }</c>.
/// </summary>
[AttributeUsage(AttributeTargets.Property)]
internal sealed class NetworkTransformationAttribute : ArgumentTransformationAttribute
{
    /// <summary>What stands for no network.</summary>
    public const string None = nameof(None);

    /// <inheritdoc/>
    public override object Transform(EngineIntrinsics engineIntrinsics, object inputData)
    {
        object given = inputData is PSObject wrapped ? wrapped.BaseObject : inputData;
        return given is IEnumerable and not (string or IDictionary) ? ((IEnumerable)given).Cast<object?>().SelectMany(One).ToArray() : One(given).ToArray();
    }

    private static IEnumerable<NetworkInterfaceSpec> One(object? given)
    {
        object? value = given is PSObject wrapped ? wrapped.BaseObject : given;
        return value switch
        {
            NetworkInterfaceSpec spec => [spec],
            string text when text.Equals(None, StringComparison.OrdinalIgnoreCase) => [],
            NetworkMode mode => [new NetworkInterfaceSpec { Mode = mode }],
            string text => [OfText(text)],
            IDictionary table => [OfTable(table)],
            _ => throw new ArgumentTransformationMetadataException($"'{given}' is not a network: give a mode, the name of a network, or a table."),
        };
    }

    private static NetworkInterfaceSpec OfText(string text) =>
        Enum.GetNames<NetworkMode>().FirstOrDefault(name => name.Equals(text, StringComparison.OrdinalIgnoreCase)) is { } mode && mode != nameof(NetworkMode.Named)
            ? new NetworkInterfaceSpec { Mode = Enum.Parse<NetworkMode>(mode) }
            : new NetworkInterfaceSpec { Mode = NetworkMode.Named, Name = text };

    private static NetworkInterfaceSpec OfTable(IDictionary table)
    {
        NetworkInterfaceSpec spec = new();
        bool hasMode = false;
        foreach (DictionaryEntry entry in table)
        {
            string? text = LanguagePrimitives.ConvertTo<string>(entry.Value);
            string? value = string.IsNullOrEmpty(text) ? null : text;
            switch (LanguagePrimitives.ConvertTo<string>(entry.Key).ToUpperInvariant())
            {
                case "MODE":
                    (spec, hasMode) = (spec with { Mode = LanguagePrimitives.ConvertTo<NetworkMode>(entry.Value) }, true);
                    break;
                case "NAME" or "NETWORK" or "BRIDGENAME":
                    spec = spec with { Name = value };
                    break;
                case "NETWORKNAMESPACE":
                    spec = spec with { NetworkNamespace = value };
                    break;
                case "TAPDEVICE":
                    spec = spec with { TapDevice = value };
                    break;
                case "MACADDRESS":
                    spec = spec with { MacAddress = value };
                    break;
                case "IPADDRESS":
                    spec = spec with { IPAddress = value };
                    break;
                case "GATEWAY":
                    spec = spec with { Gateway = value };
                    break;
                default:
                    throw new ArgumentTransformationMetadataException(
                        $"An interface has no '{entry.Key}': it has Mode, Name, NetworkNamespace, TapDevice, MacAddress, IPAddress and Gateway.");
            }
        }

        return hasMode ? spec
            : spec.TapDevice is not null ? spec with { Mode = NetworkMode.Tap }
            : spec.Name is { } name ? OfText(name) with { MacAddress = spec.MacAddress, IPAddress = spec.IPAddress, Gateway = spec.Gateway }
            : throw new ArgumentTransformationMetadataException("The table of an interface needs a Mode or a Name.");
    }
}
