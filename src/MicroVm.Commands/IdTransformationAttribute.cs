using System.Management.Automation;

namespace MicroVm.Commands;

/// <summary>
/// Makes ids of texts. PowerShell could do so itself, but only after it has tried to make names of whatever comes through the pipeline: an object of
/// ConvertFrom-Json would be looked for as a VM of the name "@{Name=...". Ids that need no conversion are bound before that.
/// </summary>
[AttributeUsage(AttributeTargets.Property)]
internal sealed class IdTransformationAttribute : ArgumentTransformationAttribute
{
    /// <inheritdoc/>
    public override object Transform(EngineIntrinsics engineIntrinsics, object inputData) =>
        LanguagePrimitives.ConvertTo<string>(inputData) is { } text && Guid.TryParse(text, out Guid id) ? id : inputData;
}
