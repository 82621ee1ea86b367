using System.Globalization;

namespace MicroVm.Engine.Tests.Support;

/// <summary>Programs that run in a namespace of a test's; other tests have theirs elsewhere.</summary>
internal static class NamespacePrograms
{
    /// <summary>How many of a name there are.</summary>
    public static int Count(this TestNamespace place, string name)
    {
        string home = new FileInfo($"/proc/self/fd/{place.File.DangerousGetHandle()}").LinkTarget!;
        return Directory.EnumerateDirectories("/proc").Count(process =>
            int.TryParse(Path.GetFileName(process), NumberStyles.None, CultureInfo.InvariantCulture, out _) && Is(process, name, Path.GetFileName(home)));
    }

    private static bool Is(string process, string name, string home)
    {
        try
        {
            return File.ReadAllText(Path.Combine(process, "comm")).StartsWith(name, StringComparison.Ordinal)
                && new FileInfo(Path.Combine(process, "ns/net")).LinkTarget is { } link && Path.GetFileName(link) == home
                && !File.ReadAllText(Path.Combine(process, "stat")).Contains(") Z ", StringComparison.Ordinal);
        }
        catch (IOException)
        {
            // It has ended since it was listed.
            return false;
        }
    }
}
