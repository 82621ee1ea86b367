namespace MicroVm.Bench;

/// <summary>What the command line asks for.</summary>
/// <param name="Repository">The root of the source tree, whose built module is measured.</param>
/// <param name="Home">A directory of the benchmark's own; the image in it is kept for the next run.</param>
/// <param name="Output">Where the reports go.</param>
/// <param name="Only">The figures to take; empty for all.</param>
/// <param name="Scale">Multiplies the number of samples.</param>
internal sealed record BenchOptions(string Repository, string Home, string Output, IReadOnlyList<string> Only, double Scale)
{
    /// <summary>What the options are.</summary>
    public const string Usage = """
        MicroVm.Bench [--home DIR] [--out DIR] [--only FIGURE,…] [--scale FACTOR]
          --home   where VMs and snapshots are made (/var/tmp/microvm-bench)
          --out    where README.md, bench.svg and bench.json go (docs/bench)
          --only   figures to take: spawn, new, restore, import, list, save, command, copy, slot
          --scale  multiplies the number of samples; 0.2 gives a quick look
        """;

    /// <summary>Reads the command line.</summary>
    /// <exception cref="ArgumentException">It has an unknown option, or one without its value.</exception>
    public static BenchOptions Parse(string[] arguments)
    {
        string repository = FindRepository();
        BenchOptions options = new(repository, "/var/tmp/microvm-bench", Path.Combine(repository, "docs/bench"), [], 1);
        for (int i = 0; i < arguments.Length; i += 2)
        {
            string value = i + 1 < arguments.Length ? arguments[i + 1] : throw new ArgumentException($"{arguments[i]} needs a value.");
            options = arguments[i] switch
            {
                "--home" => options with { Home = Path.GetFullPath(value) },
                "--out" => options with { Output = Path.GetFullPath(value) },
                "--only" => options with { Only = value.Split(',') },
                "--scale" => options with { Scale = double.Parse(value, System.Globalization.CultureInfo.InvariantCulture) },
                _ => throw new ArgumentException($"There is no option {arguments[i]}."),
            };
        }

        return options;
    }

    /// <summary>A number of samples, scaled.</summary>
    public int Samples(int number) => Math.Max(3, (int)Math.Round(number * Scale));

    private static string FindRepository()
    {
        string? directory = AppContext.BaseDirectory;
        while (directory is not null && !File.Exists(Path.Combine(directory, "MicroVm.psd1")))
        {
            directory = Path.GetDirectoryName(directory);
        }

        return directory ?? throw new ArgumentException("MicroVm.psd1 is in no directory above this program.");
    }
}
