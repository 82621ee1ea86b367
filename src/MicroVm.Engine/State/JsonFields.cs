using System.Globalization;
using System.Text.Json;

namespace MicroVm.Engine.State;

/// <summary>
/// The members of a JSON object, taken one by one. Records are read and written by hand: the serializer is generic over every type it meets, and such code is
/// compiled when it is first used, 600 methods in the first cmdlet of each PowerShell process; this code is compiled at build time.
/// </summary>
internal sealed class JsonFields
{
    private static readonly JsonDocumentOptions s_byHand = new()
    {
        AllowDuplicateProperties = false,
        AllowTrailingCommas = true,
        CommentHandling = JsonCommentHandling.Skip,
    };

    private readonly JsonElement _object;
    private readonly HashSet<string>? _taken;

    private JsonFields(JsonElement element, string what, bool isStrict)
    {
        _taken = isStrict ? [] : null;
        _object = element.ValueKind == JsonValueKind.Object ? element : throw new JsonException($"{what} is no object.");
    }

    /// <summary>Reads a document whose root is an object.</summary>
    /// <param name="json">The document.</param>
    /// <param name="read">Takes the members.</param>
    /// <param name="isStrict">
    /// Whether people may have written it: then no member may be there twice, comments, a trailing comma and a byte order mark are passed over, and
    /// <see cref="RequireNoOthers"/> may be asked.
    /// </param>
    /// <exception cref="JsonException">It is none, or <paramref name="read"/> misses something in it.</exception>
    public static T Read<T>(ReadOnlyMemory<byte> json, Func<JsonFields, T> read, bool isStrict = false)
        where T : class
    {
        using JsonDocument document = isStrict ? JsonDocument.Parse(WithoutMark(json), s_byHand) : JsonDocument.Parse(json);
        try
        {
            return read(new JsonFields(document.RootElement, "The document", isStrict));
        }
        catch (InvalidOperationException exception)
        {
            // The parser does not look into texts; who gets one is told so that it is none.
            throw new JsonException("It has bytes or escapes that are no text.", exception);
        }
    }

    /// <summary>Writes an indented document whose root is an object.</summary>
    public static byte[] Write(Action<Utf8JsonWriter> members)
    {
        using MemoryStream stream = new();
        using (Utf8JsonWriter writer = new(stream, new JsonWriterOptions { Indented = true }))
        {
            writer.WriteStartObject();
            members(writer);
            writer.WriteEndObject();
        }

        return stream.ToArray();
    }

    /// <summary>Text that must be there.</summary>
    public string Text(string name) => TextOrNull(name) ?? throw Missing(name);

    /// <summary>Text, or null.</summary>
    public string? TextOrNull(string name) => TryTake(name, JsonValueKind.String, out JsonElement value) ? value.GetString() : null;

    /// <summary>A number.</summary>
    public long Number(string name) =>
        TryTake(name, JsonValueKind.Number, out JsonElement value) && value.TryGetInt64(out long number) ? number : throw Missing(name);

    /// <summary>A number, or null.</summary>
    public long? NumberOrNull(string name) =>
        TryTake(name, JsonValueKind.Number, out JsonElement value) ? value.TryGetInt64(out long number) ? number : throw Missing(name) : null;

    /// <summary>A number that is not big, or null.</summary>
    public int? SmallNumberOrNull(string name) =>
        TryTake(name, JsonValueKind.Number, out JsonElement value) ? value.TryGetInt32(out int number) ? number : throw Missing(name) : null;

    /// <summary>A number that is not big.</summary>
    public int SmallNumber(string name) => SmallNumberOrNull(name) ?? throw Missing(name);

    /// <summary>Yes or no; no when it is not there.</summary>
    public bool Flag(string name)
    {
        _taken?.Add(name);
        return _object.TryGetProperty(name, out JsonElement value) && value.ValueKind switch
        {
            JsonValueKind.True => true,
            JsonValueKind.False => false,
            _ => throw Missing(name),
        };
    }

    /// <summary>Yes or no; null when it is not there.</summary>
    public bool? FlagOrNull(string name) => _object.TryGetProperty(name, out _) ? Flag(name) : null;

    /// <summary>An id.</summary>
    public Guid Id(string name) => IdOrNull(name) ?? throw Missing(name);

    /// <summary>An id, or null.</summary>
    public Guid? IdOrNull(string name) =>
        TryTake(name, JsonValueKind.String, out JsonElement value) ? value.TryGetGuid(out Guid id) ? id : throw Missing(name) : null;

    /// <summary>A point in time.</summary>
    public DateTimeOffset Time(string name) =>
        TryTake(name, JsonValueKind.String, out JsonElement value) && value.TryGetDateTimeOffset(out DateTimeOffset time) ? time : throw Missing(name);

    /// <summary>A length of time.</summary>
    public TimeSpan Duration(string name) =>
        TimeSpan.TryParseExact(Text(name), "c", CultureInfo.InvariantCulture, out TimeSpan duration) ? duration : throw Missing(name);

    /// <summary>A value of an enumeration, by its name.</summary>
    public T Choice<T>(string name)
        where T : struct, Enum
    {
        return Enum.TryParse(typeof(T), Text(name), ignoreCase: true, out object? value) && Enum.IsDefined(typeof(T), value) ? (T)value : throw Missing(name);
    }

    /// <summary>A list of texts; empty when it is not there.</summary>
    public IReadOnlyList<string> Texts(string name) =>
        Elements(name, text => text.ValueKind == JsonValueKind.String ? text.GetString()! : throw Missing(name));

    /// <summary>A list of numbers of 32 bits; empty when it is not there.</summary>
    public IReadOnlyList<int> SmallNumbers(string name) =>
        Elements(name, number => number.ValueKind == JsonValueKind.Number && number.TryGetInt32(out int value) ? value : throw Missing(name));

    /// <summary>Texts by names; empty when they are not there.</summary>
    public IReadOnlyDictionary<string, string> Map(string name)
    {
        Dictionary<string, string> map = [];
        if (TryTake(name, JsonValueKind.Object, out JsonElement element))
        {
            foreach (JsonProperty member in element.EnumerateObject())
            {
                map[member.Name] = member.Value.ValueKind == JsonValueKind.String ? member.Value.GetString()! : throw Missing(name);
            }
        }

        return map;
    }

    /// <summary>An object that must be there.</summary>
    public JsonFields Object(string name) => ObjectOrNull(name) ?? throw Missing(name);

    /// <summary>An object, or null.</summary>
    public JsonFields? ObjectOrNull(string name) => TryTake(name, JsonValueKind.Object, out JsonElement value) ? new JsonFields(value, name, _taken is not null) : null;

    /// <summary>A list of objects; empty when it is not there.</summary>
    public IReadOnlyList<JsonFields> Objects(string name)
    {
        List<JsonFields> objects = [];
        if (TryTake(name, JsonValueKind.Array, out JsonElement array))
        {
            foreach (JsonElement element in array.EnumerateArray())
            {
                objects.Add(new JsonFields(element, name, _taken is not null));
            }
        }

        return objects;
    }

    private List<T> Elements<T>(string name, Func<JsonElement, T> read)
    {
        if (_object.TryGetProperty(name, out JsonElement given) && given.ValueKind == JsonValueKind.Null)
        {
            throw Missing(name);
        }

        return TryTake(name, JsonValueKind.Array, out JsonElement array) ? [.. array.EnumerateArray().Select(read)] : [];
    }

    /// <summary>Fails when there are members that nobody took; for strict reading.</summary>
    public void RequireNoOthers()
    {
        foreach (JsonProperty member in _object.EnumerateObject())
        {
            if (!_taken!.Contains(member.Name))
            {
                throw new JsonException($"'{member.Name}' is not known.");
            }
        }
    }

    private static ReadOnlyMemory<byte> WithoutMark(ReadOnlyMemory<byte> json) => json.Span.StartsWith("\uFEFF"u8) ? json["\uFEFF"u8.Length..] : json;

    private static JsonException Missing(string name) => new($"'{name}' is missing or is not what it should be.");

    // False when it is not there or null.
    private bool TryTake(string name, JsonValueKind kind, out JsonElement value)
    {
        _taken?.Add(name);
        if (!_object.TryGetProperty(name, out value) || value.ValueKind == JsonValueKind.Null)
        {
            return false;
        }

        return value.ValueKind == kind ? true : throw Missing(name);
    }
}
