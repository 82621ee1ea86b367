using System.Globalization;

namespace MicroVm.Engine.Native;

/// <summary>The host's memory and that of processes (<c>/proc/meminfo</c>, <c>/proc/PID/status</c>, proc(5)).</summary>
internal static class HostMemory
{
    /// <summary>All of it, in bytes.</summary>
    public static long TotalBytes => Read("MemTotal:");

    /// <summary>What new programs can have without swapping, in bytes.</summary>
    public static long AvailableBytes => Read("MemAvailable:");

    /// <summary>The memory a process has of its own or shares with others, in bytes.</summary>
    /// <exception cref="IOException">It has ended.</exception>
    public static long ResidentBytes(int processId) => Read("VmRSS:", $"/proc/{processId}/status");

    private static long Read(string field, string file = "/proc/meminfo")
    {
        string line = File.ReadLines(file).First(line => line.StartsWith(field, StringComparison.Ordinal));
        return long.Parse(line.AsSpan(field.Length).Trim().TrimEnd(" kB"), CultureInfo.InvariantCulture) << 10;
    }
}
