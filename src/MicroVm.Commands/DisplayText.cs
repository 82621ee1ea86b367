using System.Collections;
using System.Globalization;
using System.Management.Automation;

namespace MicroVm.Commands;

/// <summary>How the views of <c>MicroVm.Format.ps1xml</c> write values. The arguments may be deserialised, hence loosely typed.</summary>
public static class DisplayText
{
    private static readonly string[] Units = ["B", "KiB", "MiB", "GiB", "TiB"];

    /// <summary>A size in the largest unit that leaves at least 1, such as "512 MiB" or "1.5 GiB".</summary>
    public static string Size(long bytes)
    {
        double value = bytes;
        int unit = 0;
        while (value >= 1024 && unit < Units.Length - 1)
        {
            value /= 1024;
            unit++;
        }

        return string.Create(CultureInfo.InvariantCulture, $"{value:0.#} {Units[unit]}");
    }

    /// <summary>A duration as days, hours, minutes and seconds; empty where there is none.</summary>
    public static string Duration(TimeSpan? duration) =>
        duration?.ToString(@"d\.hh\:mm\:ss", CultureInfo.InvariantCulture) ?? string.Empty;

    /// <summary>A time by the clock of who looks; empty where there is none. One that comes from a remote session is text.</summary>
    public static string Time(object? time) =>
        LanguagePrimitives.TryConvertTo(time is PSObject { BaseObject: PSCustomObject } bag ? bag.ToString() : time, CultureInfo.InvariantCulture, out DateTimeOffset value)
            ? value.ToLocalTime().ToString("yyyy-MM-dd HH:mm:ss", CultureInfo.InvariantCulture)
            : string.Empty;

    /// <summary>A short duration in milliseconds.</summary>
    public static string Milliseconds(TimeSpan duration) => string.Create(CultureInfo.InvariantCulture, $"{duration.TotalMilliseconds:0.0} ms");

    /// <summary>What was put right in a guest, as "Entropy Done, Clock Done".</summary>
    public static string Fixups(IEnumerable<object> fixups) => string.Join(", ", fixups.Select(fixup =>
    {
        PSObject item = PSObject.AsPSObject(fixup);
        return $"{item.Properties["Name"]?.Value} {item.Properties["Result"]?.Value}";
    }));

    /// <summary>Tags, as "role=web, tier=2".</summary>
    public static string Tags(IDictionary tags) => string.Join(", ", tags.Keys.Cast<object>().Order().Select(key => $"{key}={tags[key]}"));

    /// <summary>The first eight digits of an id; empty where there is none.</summary>
    public static string ShortId(Guid? id) => id?.ToString("N")[..8] ?? string.Empty;

    /// <summary>The first twelve digits of a digest, without the name of its algorithm.</summary>
    public static string ShortDigest(string digest)
    {
        string digits = digest[(digest.IndexOf(':', StringComparison.Ordinal) + 1)..];
        return digits[..Math.Min(12, digits.Length)];
    }
}
