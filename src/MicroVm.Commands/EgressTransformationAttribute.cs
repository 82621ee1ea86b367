using System.Collections;
using System.Management.Automation;
using MicroVm.Engine;

namespace MicroVm.Commands;

/// <summary>Makes an egress policy of what a user writes: "Internet", "Open", "None", and rules such as "Allow tcp 192.0.2.7:443".</summary>
[AttributeUsage(AttributeTargets.Property)]
internal sealed class EgressTransformationAttribute : ArgumentTransformationAttribute
{
    /// <inheritdoc/>
    public override object Transform(EngineIntrinsics engineIntrinsics, object inputData)
    {
        object given = inputData is PSObject wrapped ? wrapped.BaseObject : inputData;
        if (given is EgressPolicy)
        {
            return given;
        }

        string[] texts = given is IEnumerable and not string
            ? [.. ((IEnumerable)given).Cast<object?>().Select(text => LanguagePrimitives.ConvertTo<string>(text))]
            : [LanguagePrimitives.ConvertTo<string>(given)];
        // A VM shows its policy as one text.
        return EgressPolicy.TryParse([.. texts.SelectMany(text => text.Split(';', StringSplitOptions.TrimEntries))])
            ?? throw new ArgumentTransformationMetadataException(
                $"'{string.Join(", ", texts)}' is not an egress policy. Give Internet, Open or None, and before it rules such as 'Allow tcp 192.0.2.7:443' or 'Deny 203.0.113.0/24'.");
    }
}
