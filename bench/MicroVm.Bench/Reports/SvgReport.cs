using System.Globalization;
using System.Security;
using System.Text;

namespace MicroVm.Bench.Reports;

/// <summary>The medians as bars, each figure on a scale of its own, with the range from the 10th to the 90th percentile.</summary>
internal static class SvgReport
{
    private const int Width = 980;
    private const int Left = 400;
    private const int BarsWidth = 440;
    private const int RowHeight = 24;
    private const int TitleHeight = 44;
    private const int Top = 64;

    /// <summary>The plot.</summary>
    public static string Of(Machine machine, IReadOnlyList<Figure> figures)
    {
        int height = Top + figures.Sum(figure => TitleHeight + (figure.Series.Count * RowHeight)) + 24;
        StringBuilder svg = new();
        Line($"<svg xmlns=\"http://www.w3.org/2000/svg\" width=\"{Width}\" height=\"{height}\" viewBox=\"0 0 {Width} {height}\">");
        Line($"<style>text {{ font-family: sans-serif; font-size: 12px; fill: #222222 }} .head {{ font-weight: bold; font-size: 13px }}</style>");
        Line($"<rect width=\"{Width}\" height=\"{height}\" fill=\"#ffffff\"/>");
        Label(16, 26, "start", "MicroVm: medians in milliseconds, shorter is better; grey is what it is held against", "head");
        string host = $"{machine.Cpu}, {machine.Cores} cores · Linux {machine.Kernel} · {machine.FileSystem}";
        Label(16, 46, "start", $"{host} · {machine.Vmm} ({machine.Accelerator}) · {machine.Date}");
        int y = Top;
        foreach (Figure figure in figures)
        {
            Label(16, y + 26, "start", figure.Title, "head");
            y += TitleHeight - 6;
            double scale = BarsWidth / figure.Series.Max(series => series.Quantile(0.9));
            foreach (Series series in figure.Series)
            {
                Bar(series, scale, y);
                y += RowHeight;
            }

            y += 6;
        }

        Line($"</svg>");
        return svg.ToString();

        void Bar(Series series, double scale, int top)
        {
            double length = Math.Max(1.5, series.Median * scale);
            double low = Left + (series.Quantile(0.1) * scale);
            double high = Left + (series.Quantile(0.9) * scale);
            string colour = series.IsBaseline ? "#b4b9c2" : "#2f6fb3";
            string range = string.Create(CultureInfo.InvariantCulture, $"M{low:0.0} {top + 12}H{high:0.0}M{low:0.0} {top + 8}v8M{high:0.0} {top + 8}v8");
            string median = series.Median.ToString(series.Median < 100 ? "0.0" : "0", CultureInfo.InvariantCulture);
            Label(Left - 10, top + 16, "end", series.Name);
            Line($"<rect x=\"{Left}\" y=\"{top + 4}\" width=\"{length:0.0}\" height=\"16\" rx=\"2\" fill=\"{colour}\"/>");
            Line($"<path d=\"{range}\" stroke=\"#222222\" fill=\"none\"/>");
            Label((int)Math.Max(Left + length, high) + 8, top + 16, "start", median);
        }

        void Label(int x, int top, string anchor, string text, string style = "") =>
            Line($"<text x=\"{x}\" y=\"{top}\" text-anchor=\"{anchor}\" class=\"{style}\">{SecurityElement.Escape(text)}</text>");

        void Line(FormattableString line) => svg.AppendLine(line.ToString(CultureInfo.InvariantCulture));
    }
}
