using System.Diagnostics;
using System.Reflection;
using System.Runtime.Loader;
using Xunit.Abstractions;
using Xunit.Sdk;

[assembly: Xunit.TestFramework("MicroVm.Commands.Tests.InstalledPowerShell", "MicroVm.Commands.Tests")]
[assembly: Xunit.CollectionBehavior(DisableTestParallelization = true)]

namespace MicroVm.Commands.Tests;

/// <summary>
/// The pwsh on this machine, whose assemblies the tests run on. A test framework because it must be there before the first type that derives
/// from one of PowerShell's is loaded.
/// </summary>
public sealed class InstalledPowerShell : XunitTestFramework
{
    private static readonly string? Home = FindHome();

    public InstalledPowerShell(IMessageSink messages)
        : base(messages) => AssemblyLoadContext.Default.Resolving += Resolve;

    /// <summary>Why the tests that need pwsh are left out, or null.</summary>
    public static string? Missing => Home is null ? "pwsh is not installed." : null;

    private static Assembly? Resolve(AssemblyLoadContext context, AssemblyName name)
    {
        string path = Path.Combine(Home ?? Path.Combine(AppContext.BaseDirectory, "reference"), name.Name + ".dll");
        return File.Exists(path) ? context.LoadFromAssemblyPath(path) : null;
    }

    private static string? FindHome()
    {
        try
        {
            ProcessStartInfo start = new("pwsh", ["-NoProfile", "-NonInteractive", "-Command", "$PSHOME"]) { RedirectStandardOutput = true };
            using Process pwsh = Process.Start(start)!;
            string home = pwsh.StandardOutput.ReadToEnd().Trim();
            return pwsh.WaitForExit(TimeSpan.FromSeconds(30)) && Directory.Exists(home) ? home : null;
        }
        catch (System.ComponentModel.Win32Exception)
        {
            return null;
        }
    }
}
