using System.Globalization;
using System.Text.Json;

namespace MicroVm.Engine.State;

/// <summary>What <see cref="JsonFields"/> reads, written.</summary>
internal static class JsonWriting
{
    /// <summary>Text, or nothing.</summary>
    public static void WriteUnlessNull(this Utf8JsonWriter writer, string name, string? value)
    {
        if (value is not null)
        {
            writer.WriteString(name, value);
        }
    }

    /// <summary>An id, or nothing.</summary>
    public static void WriteUnlessNull(this Utf8JsonWriter writer, string name, Guid? value)
    {
        if (value is { } id)
        {
            writer.WriteString(name, id);
        }
    }

    /// <summary>A number, or nothing.</summary>
    public static void WriteUnlessNull(this Utf8JsonWriter writer, string name, int? value)
    {
        if (value is { } number)
        {
            writer.WriteNumber(name, number);
        }
    }

    /// <summary>Yes or no, or nothing.</summary>
    public static void WriteUnlessNull(this Utf8JsonWriter writer, string name, bool? value)
    {
        if (value is { } flag)
        {
            writer.WriteBoolean(name, flag);
        }
    }

    /// <summary>A length of time.</summary>
    public static void WriteDuration(this Utf8JsonWriter writer, string name, TimeSpan value) =>
        writer.WriteString(name, value.ToString("c", CultureInfo.InvariantCulture));

    /// <summary>Texts by names, or nothing.</summary>
    public static void WriteUnlessEmpty(this Utf8JsonWriter writer, string name, IReadOnlyDictionary<string, string> values)
    {
        if (values.Count == 0)
        {
            return;
        }

        writer.WriteStartObject(name);
        foreach ((string key, string value) in values)
        {
            writer.WriteString(key, value);
        }

        writer.WriteEndObject();
    }

    /// <summary>A list of texts.</summary>
    public static void WriteTexts(this Utf8JsonWriter writer, string name, IReadOnlyList<string> values)
    {
        writer.WriteStartArray(name);
        for (int i = 0; i < values.Count; i++)
        {
            writer.WriteStringValue(values[i]);
        }

        writer.WriteEndArray();
    }
}
