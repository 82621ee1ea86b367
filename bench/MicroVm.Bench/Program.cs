using MicroVm.Bench;
using MicroVm.Bench.Figures;
using MicroVm.Bench.Reports;

if (args is [SpareKeeper.Verb, .. string[] rest])
{
    return SpareKeeper.Run(rest);
}

BenchOptions options;
try
{
    options = BenchOptions.Parse(args);
}
catch (ArgumentException exception)
{
    Console.Error.WriteLine(exception.Message);
    Console.Error.WriteLine(BenchOptions.Usage);
    return 2;
}

(string Id, Func<Workshop, Figure> Take)[] all =
[
    ("spawn", SpawnFigure.Take),
    ("new", NewFigure.Take),
    ("restore", RestoreFigure.Take),
    ("import", ImportFigure.Take),
    ("list", ListFigure.Take),
    ("save", SaveFigure.Take),
    ("clones", CloneFigure.Take),
    ("command", CommandFigure.Take),
    ("copy", CopyFigure.Take),
    ("slot", SlotFigure.Take),
    ("firewall", FirewallFigure.Take),
    ("traffic", TrafficFigure.Take),
];
Machine machine;
List<Figure> figures = [];
try
{
    using Workshop workshop = Workshop.Open(options);
    machine = Machine.Describe(options.Home);
    foreach ((string id, Func<Workshop, Figure> take) in all)
    {
        if (options.Only.Count > 0 && !options.Only.Contains(id))
        {
            continue;
        }

        Console.WriteLine($"{id} …");
        Figure figure = take(workshop);
        figures.Add(figure);
        Console.WriteLine(MarkdownReport.Of(figure));
    }
}
catch (Exception exception)
{
    // Caught, so that what the figures made is removed.
    Console.Error.WriteLine(exception);
    return 1;
}

Directory.CreateDirectory(options.Output);
File.WriteAllText(Path.Combine(options.Output, "README.md"), MarkdownReport.Of(machine, figures));
File.WriteAllText(Path.Combine(options.Output, "bench.svg"), SvgReport.Of(machine, figures));
File.WriteAllText(Path.Combine(options.Output, "bench.json"), JsonReport.Of(machine, figures));
Console.WriteLine($"Written to {options.Output}.");
return 0;
