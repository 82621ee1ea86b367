using MicroVm.Engine.Native;
using MicroVm.Engine.Tests.Support;

namespace MicroVm.Engine.Tests.Network;

/// <summary>What is done in namespaces to set them up, many things at a time.</summary>
internal static class NamespaceTools
{
    /// <summary>Runs ip(8) with a batch of commands; then those that begin with "-6".</summary>
    public static void Ip(this TestNamespace place, params string[] commands)
    {
        place.Tool(["ip", "-batch", "-"], Lines(commands.Where(command => !command.StartsWith("-6 ", StringComparison.Ordinal))));
        place.Tool(["ip", "-6", "-batch", "-"], Lines(commands.Where(command => command.StartsWith("-6 ", StringComparison.Ordinal)).Select(command => command[3..])));
    }

    /// <summary>Runs a program that has to succeed.</summary>
    /// <param name="place">Where.</param>
    /// <param name="command">Its name and its arguments.</param>
    /// <param name="input">What it reads.</param>
    public static string Tool(this TestNamespace place, IReadOnlyList<string> command, string input = "")
    {
        (ProcessExit? exit, string words) = place.Run(() => ThreadTool.Run(ProgramFinder.Find(command[0])!, [.. command.Skip(1)], input, Limits.Generous));
        return exit?.Code == 0 ? words : throw new InvalidOperationException($"{string.Join(' ', command)}: {exit} {words}\n{input}");
    }

    /// <summary>Sets a variable below /proc/sys/net.</summary>
    public static void Set(this TestNamespace place, string variable, string value) => place.Run(() =>
    {
        File.WriteAllText("/proc/sys/net/" + variable, value);
        return 0;
    });

    private static string Lines(IEnumerable<string> commands) => string.Concat(commands.Select(command => command + "\n"));
}
