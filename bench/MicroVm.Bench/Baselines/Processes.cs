using System.Globalization;
using Microsoft.Win32.SafeHandles;
using MicroVm.Engine.Native;

namespace MicroVm.Bench.Baselines;

/// <summary>Starts programs for baselines by the fastest way there is, so that no baseline pays for the way it is started.</summary>
internal static class Processes
{
    private static readonly string[] s_environment = ["PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin", "LC_ALL=C"];
    private static readonly TimeSpan s_limit = TimeSpan.FromSeconds(60);

    /// <summary>Starts a program with nothing to read and nowhere to write.</summary>
    public static int Start(string program, params IReadOnlyList<string> arguments)
    {
        using SafeFileHandle nothing = File.OpenHandle("/dev/null", FileMode.Open, FileAccess.ReadWrite, FileShare.ReadWrite);
        return ProcessSpawn.Spawn(program, [Path.GetFileName(program), .. arguments], s_environment, [nothing, nothing, nothing]);
    }

    /// <summary>Waits for the end of a child, and fails if it failed.</summary>
    public static void WaitForSuccess(int processId)
    {
        using ProcessDescriptor process = ProcessDescriptor.TryOpen(processId)!;
        if (!process.WaitForEnd(s_limit, default) || process.TryReap() is not { Code: 0 } exit)
        {
            throw new InvalidOperationException($"Process {processId} did not succeed.");
        }
    }

    /// <summary>Ends a child that need not end well.</summary>
    public static void Kill(int processId)
    {
        using ProcessDescriptor process = ProcessDescriptor.TryOpen(processId)!;
        process.Signal(Signals.Kill);
        process.WaitForEnd(s_limit, default);
        process.TryReap();
    }

    /// <summary>Runs a program to its successful end.</summary>
    public static void Run(string program, params IReadOnlyList<string> arguments) => WaitForSuccess(Start(program, arguments));

    /// <summary>What a process takes of the host's memory, shared pages by its part of them (proc(5), smaps_rollup), in MiB.</summary>
    public static double ProportionalMiB(int processId)
    {
        string path = FormattableString.Invariant($"/proc/{processId}/smaps_rollup");
        string line = File.ReadLines(path).First(line => line.StartsWith("Pss:", StringComparison.Ordinal));
        return long.Parse(line.Split(' ', StringSplitOptions.RemoveEmptyEntries)[1], CultureInfo.InvariantCulture) / 1024.0;
    }

    /// <summary>The path of a program that a baseline needs.</summary>
    public static string Find(string name) => ProgramFinder.Find(name) ?? throw new InvalidOperationException($"{name} is not installed.");
}
