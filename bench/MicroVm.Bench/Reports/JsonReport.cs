using System.Text.Json;
using System.Text.Json.Serialization;

namespace MicroVm.Bench.Reports;

/// <summary>All samples, for those who want to compute on.</summary>
internal static class JsonReport
{
    private static readonly JsonSerializerOptions s_options = new()
    {
        WriteIndented = true,
        PropertyNamingPolicy = JsonNamingPolicy.CamelCase,
        DefaultIgnoreCondition = JsonIgnoreCondition.WhenWritingNull,
        Encoder = System.Text.Encodings.Web.JavaScriptEncoder.UnsafeRelaxedJsonEscaping,
    };

    /// <summary>The report as JSON.</summary>
    public static string Of(Machine machine, IReadOnlyList<Figure> figures)
    {
        var rounded = figures.Select(figure => figure with
        {
            Series = [.. figure.Series.Select(series => series with { Samples = [.. series.Samples.Select(sample => Math.Round(sample, 3))] })],
        });
        return JsonSerializer.Serialize(new { machine, unit = "ms", figures = rounded }, s_options) + "\n";
    }
}
