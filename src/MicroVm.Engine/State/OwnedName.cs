using System.Globalization;
using MicroVm.Engine.Native;

namespace MicroVm.Engine.State;

/// <summary>Names of unfinished files and directories that say whose work they are: what a dead process was at, nobody will finish.</summary>
internal static class OwnedName
{
    /// <summary>What names of directories whose place is not theirs yet begin with.</summary>
    public const string StagingPrefix = ".staging-";

    /// <summary>What names of directories begin with that anybody may delete.</summary>
    public const string RemovedPrefix = ".removed-";

    // Of the process, with no character that has a meaning in a path or a pattern.
    private static readonly string s_self = string.Create(CultureInfo.InvariantCulture, $"-{ProcessIdentity.Self.ProcessId}-{ProcessIdentity.Self.StartTicks}");

    /// <summary>A name for something this process is making.</summary>
    /// <param name="name">What tells it from others of this process.</param>
    public static string Of(string name) => name + s_self;

    /// <summary>The process that was at work on what has the name, without extension; null when the name does not say.</summary>
    public static ProcessIdentity? OwnerOf(string name) =>
        name.Split('-') is [_, .., var process, var ticks]
        && int.TryParse(process, NumberStyles.None, CultureInfo.InvariantCulture, out int processId)
        && long.TryParse(ticks, NumberStyles.None, CultureInfo.InvariantCulture, out long startTicks)
            ? new ProcessIdentity(processId, startTicks, ProcessIdentity.CurrentBootId)
            : null;

    /// <summary>Whether the name says that a process was at work which is dead.</summary>
    public static bool IsAbandoned(string name) => OwnerOf(name) is { IsAlive: false };
}
