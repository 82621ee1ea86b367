using System.Globalization;

namespace MicroVm.Engine.Native;

/// <summary>The host's memory (<c>/proc/meminfo</c>, proc(5)).</summary>
internal static class HostMemory
{
    /// <summary>All of it, in bytes.</summary>
    public static long TotalBytes => Read("MemTotal:");

    /// <summary>What new programs can have without swapping, in bytes.</summary>
    public static long AvailableBytes => Read("MemAvailable:");

    private static long Read(string field)
    {
        string line = File.ReadLines("/proc/meminfo").First(line => line.StartsWith(field, StringComparison.Ordinal));
        return long.Parse(line.AsSpan(field.Length).Trim().TrimEnd(" kB"), CultureInfo.InvariantCulture) << 10;
    }
}
