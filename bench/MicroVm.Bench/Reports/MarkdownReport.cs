using System.Globalization;
using System.Text;

namespace MicroVm.Bench.Reports;

/// <summary>The figures as tables.</summary>
internal static class MarkdownReport
{
    /// <summary>The whole page.</summary>
    public static string Of(Machine machine, IReadOnlyList<Figure> figures)
    {
        StringBuilder page = new();
        page.AppendLine("# Benchmarks").AppendLine();
        page.AppendLine("Taken with `./build.ps1 Bench`; the code is in [bench](../../bench), every sample in [bench.json](bench.json).").AppendLine();
        page.AppendLine("Times are milliseconds. What is compared was sampled in turn, A B A B, within one run, after warm-up; ratios are those of medians.");
        page.AppendLine();
        page.AppendLine("| Machine | |").AppendLine("|---|---|");
        Row("CPU", $"{machine.Cpu}, {machine.Cores} cores");
        Row("Memory", string.Create(CultureInfo.InvariantCulture, $"{machine.MemoryGiB} GiB"));
        Row("Kernel", machine.Kernel);
        Row("VMM", $"{machine.Vmm}, accelerator {machine.Accelerator}");
        Row("File system", machine.FileSystem);
        Row("Runtime", $"{machine.Runtime}, PowerShell {machine.PowerShell}");
        Row("Date", machine.Date);
        Row("Load average at the start", machine.Load);
        page.AppendLine().AppendLine("![The medians as bars](bench.svg)").AppendLine();
        foreach (Figure figure in figures)
        {
            page.AppendLine(Of(figure));
        }

        return page.ToString().TrimEnd() + "\n";

        void Row(string name, string value) => page.AppendLine($"| {name} | {value} |");
    }

    /// <summary>The section of one figure.</summary>
    public static string Of(Figure figure)
    {
        StringBuilder section = new();
        section.AppendLine($"## {figure.Title}").AppendLine().AppendLine(figure.Method).AppendLine();
        section.AppendLine("| | Median | 10 % | 90 % | Worst | Samples |").AppendLine("|---|--:|--:|--:|--:|--:|");
        foreach (Series series in figure.Series)
        {
            section.AppendLine(
                CultureInfo.InvariantCulture,
                $"| {Cell(series.Name)} | {series.Median:0.00} | {series.Quantile(0.1):0.00} | {series.Quantile(0.9):0.00} "
                + $"| {series.Worst:0.00} | {series.Samples.Count} |");
        }

        List<Verdict> judged = [.. figure.Verdicts.Where(verdict => verdict.Target is not null)];
        List<Verdict> told = [.. figure.Verdicts.Where(verdict => verdict.Target is null)];
        if (judged.Count > 0)
        {
            section.AppendLine().AppendLine("| Compared | Result | Target | Met |").AppendLine("|---|--:|--:|---|");
            foreach (Verdict verdict in judged)
            {
                section.AppendLine($"| {verdict.Text} | {verdict.Value} | {verdict.Target} | {(verdict.Met == true ? "yes" : "**no**")} |");
            }
        }

        if (told.Count > 0)
        {
            section.AppendLine().AppendLine("| For information | |").AppendLine("|---|--:|");
            told.ForEach(verdict => section.AppendLine($"| {verdict.Text} | {verdict.Value} |"));
        }

        return section.ToString();
    }

    // A bar would end the cell.
    private static string Cell(string text) => text.Replace("|", "\\|", StringComparison.Ordinal);
}
