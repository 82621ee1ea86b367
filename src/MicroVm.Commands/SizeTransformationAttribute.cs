using System.Globalization;
using System.Management.Automation;
using System.Text.RegularExpressions;

namespace MicroVm.Commands;

/// <summary>Accepts sizes as text too: "512MB", "512 MiB", "0.5GB". As everywhere in PowerShell, MB means 1,048,576 bytes.</summary>
[AttributeUsage(AttributeTargets.Property | AttributeTargets.Field)]
public sealed partial class SizeTransformationAttribute : ArgumentTransformationAttribute
{
    private const string Units = "KMGT";

    /// <inheritdoc/>
    public override object Transform(EngineIntrinsics engineIntrinsics, object inputData)
    {
        object value = inputData is PSObject wrapped ? wrapped.BaseObject : inputData;
        if (value is not string text || Size().Match(text) is not { Success: true } match)
        {
            // Numbers, and what PowerShell itself can make of other things, bind without help.
            return inputData;
        }

        decimal number = decimal.Parse(match.Groups["number"].ValueSpan, NumberStyles.AllowDecimalPoint, CultureInfo.InvariantCulture);
        int power = Units.IndexOf(match.Groups["unit"].Value, StringComparison.OrdinalIgnoreCase) + 1;
        decimal bytes = number * (1L << (10 * power));
        return bytes <= long.MaxValue && bytes == decimal.Truncate(bytes)
            ? (long)bytes
            : throw new ArgumentTransformationMetadataException($"'{text}' is not a whole number of bytes that fits 64 bits.");
    }

    [GeneratedRegex(
        @"^\s*(?<number>\d{1,18}(?:\.\d{1,9})?)\s*(?<unit>[KMGT])i?B?\s*$", RegexOptions.IgnoreCase | RegexOptions.CultureInvariant)]
    private static partial Regex Size();
}
