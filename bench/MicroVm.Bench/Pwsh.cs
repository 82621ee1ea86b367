using System.Diagnostics;
using System.Globalization;

namespace MicroVm.Bench;

/// <summary>Runs scripts in PowerShell processes of their own.</summary>
internal static class Pwsh
{
    /// <summary>The program.</summary>
    public static string Program { get; } = Engine.Native.ProgramFinder.Find("pwsh") ?? throw new InvalidOperationException("pwsh is not installed.");

    /// <summary>Runs a command and gives what it wrote.</summary>
    public static string Run(string command) => Run(["-Command", command], []);

    /// <summary>Runs one of the scripts beside this program, which writes numbers, and gives these.</summary>
    public static double[] RunScript(string name, IReadOnlyList<string> arguments, params IReadOnlyList<(string Name, string Value)> environment)
    {
        string output = Run(["-File", Path.Combine(AppContext.BaseDirectory, "Scripts", name), .. arguments], environment);
        return [.. output.Split((char[]?)null, StringSplitOptions.RemoveEmptyEntries).Select(number => double.Parse(number, CultureInfo.InvariantCulture))];
    }

    private static string Run(IEnumerable<string> arguments, IEnumerable<(string Name, string Value)> environment)
    {
        ProcessStartInfo start = new(Program, ["-NoProfile", "-NonInteractive", .. arguments]) { RedirectStandardOutput = true };
        foreach ((string name, string value) in environment)
        {
            start.Environment[name] = value;
        }

        using Process process = Process.Start(start)!;
        string output = process.StandardOutput.ReadToEnd();
        process.WaitForExit();
        return process.ExitCode == 0
            ? output
            : throw new InvalidOperationException($"pwsh ended with {process.ExitCode}: {string.Join(' ', start.ArgumentList)}");
    }
}
