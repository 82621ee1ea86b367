using System.Diagnostics;

namespace MicroVm.Engine.Tests.Support;

/// <summary>The engine in another process: this assembly, run as a program; see <see cref="EngineProgram"/>.</summary>
internal static class OtherEngine
{
    /// <summary>Starts it; it writes lines to its standard output and waits for ever after the last.</summary>
    public static Process Start(params string[] arguments)
    {
        ProcessStartInfo start = new(Environment.ProcessPath!.EndsWith("dotnet", StringComparison.Ordinal) ? Environment.ProcessPath : "dotnet")
        {
            RedirectStandardOutput = true,
            RedirectStandardInput = true,
        };
        start.ArgumentList.Add(typeof(OtherEngine).Assembly.Location);
        foreach (string argument in arguments)
        {
            start.ArgumentList.Add(argument);
        }

        return Process.Start(start)!;
    }
}
