using System.Collections;
using System.Management.Automation;
using MicroVm.Engine;

namespace MicroVm.Commands;

/// <summary>Makes ports of what a user writes: "8080:80", "0.0.0.0:53:53/udp", 80.</summary>
[AttributeUsage(AttributeTargets.Property)]
internal sealed class PortTransformationAttribute : ArgumentTransformationAttribute
{
    /// <inheritdoc/>
    public override object Transform(EngineIntrinsics engineIntrinsics, object inputData)
    {
        object given = inputData is PSObject wrapped ? wrapped.BaseObject : inputData;
        return given is IEnumerable and not string ? ((IEnumerable)given).Cast<object?>().Select(One).ToArray() : (PublishedPort[])[One(given)];
    }

    private static PublishedPort One(object? given)
    {
        object? value = given is PSObject wrapped ? wrapped.BaseObject : given;
        return value as PublishedPort
            // Of one that was serialised, its text.
            ?? PublishedPort.TryParse(LanguagePrimitives.ConvertTo<string>(given) ?? "")
            ?? throw new ArgumentTransformationMetadataException(
                $"'{given}' is not a port to publish. Give [address:]hostPort:guestPort[/tcp|udp], such as 8080:80, 0.0.0.0:53:53/udp or [2001:db8::1]:443:443.");
    }
}
