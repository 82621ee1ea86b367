using System.Buffers.Text;
using System.Text;
using System.Text.Json.Serialization;
using Microsoft.Win32.SafeHandles;

namespace MicroVm.Engine.Native;

/// <summary>
/// Which process, for ever: the number alone is reused, so it is joined by the start time (<c>/proc/PID/stat</c> field 22, proc(5)) and the boot.
/// </summary>
/// <param name="ProcessId">The process id.</param>
/// <param name="StartTicks">When it started, in clock ticks since the boot.</param>
/// <param name="BootId">The kernel's <c>random/boot_id</c>.</param>
internal sealed record ProcessIdentity(int ProcessId, long StartTicks, string BootId)
{
    /// <summary>The id of the present boot.</summary>
    public static string CurrentBootId { get; } = File.ReadAllText("/proc/sys/kernel/random/boot_id").Trim();

    /// <summary>The identity of this process.</summary>
    public static ProcessIdentity Self { get; } = Of(Environment.ProcessId)!;

    /// <summary>Whether the process runs: a zombie is dead, though some of its threads may still be on their way out.</summary>
    [JsonIgnore]
    public bool IsAlive => Present is not (null or 'Z' or 'X');

    /// <summary>Whether the process is in the process table, be it as a zombie.</summary>
    [JsonIgnore]
    public bool Exists => Present is not null;

    /// <summary>How the process ended, if nobody has reaped it yet and it did not end well: an exit code of 0 cannot be told from one that may not be seen.</summary>
    [JsonIgnore]
    public ProcessExit? UnreapedFailure => BootId == CurrentBootId && ReadStat(ProcessId) is { State: 'Z', ExitStatus: not 0 } stat && stat.StartTicks == StartTicks
        ? ProcessExit.OfStatus(stat.ExitStatus)
        : null;

    private char? Present => BootId == CurrentBootId && ReadStat(ProcessId) is { } stat && stat.StartTicks == StartTicks ? stat.State : null;

    /// <summary>The identity of the process that has the number now, zombie or not; null when there is none.</summary>
    public static ProcessIdentity? Of(int processId) =>
        ReadStat(processId) is { } stat ? new ProcessIdentity(processId, stat.StartTicks, CurrentBootId) : null;

    private static (char State, long StartTicks, int ExitStatus)? ReadStat(int processId)
    {
        Span<byte> buffer = stackalloc byte[1024];
        int length;
        try
        {
            using SafeFileHandle file = File.OpenHandle($"/proc/{processId}/stat");
            length = RandomAccess.Read(file, buffer, 0);
        }
        catch (IOException exception) when (exception is FileNotFoundException or DirectoryNotFoundException || exception.HResult == Errno.NoSuchProcess)
        {
            // Nothing else means that it is gone: not to be able to look, for want of descriptors say, is no reason to think so.
            return null;
        }

        // The command's name may hold anything, parentheses too: the fixed fields begin after the last one.
        ReadOnlySpan<byte> rest = buffer[..length];
        rest = rest[(rest.LastIndexOf((byte)')') + 2)..];
        char state = (char)rest[0];
        // The last of all, which only who may trace the process can see; others see 0, as of one that runs.
        Utf8Parser.TryParse(rest.TrimEnd((byte)'\n')[(rest.TrimEnd((byte)'\n').LastIndexOf((byte)' ') + 1)..], out int exitStatus, out _);
        for (int field = 3; field < 22; field++)
        {
            rest = rest[(rest.IndexOf((byte)' ') + 1)..];
        }

        return Utf8Parser.TryParse(rest, out long ticks, out _) ? (state, ticks, exitStatus) : throw new InvalidDataException($"/proc/{processId}/stat: {Encoding.UTF8.GetString(buffer[..length])}");
    }
}
