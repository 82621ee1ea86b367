using System.Globalization;
using MicroVm.Engine.Guest;
using MicroVm.Engine.Keeper;
using MicroVm.Engine.Machines;
using MicroVm.Engine.Native;

namespace MicroVm.Engine.Hosts;

/// <summary>Looks whether there is a keeper where one is needed.</summary>
internal static class KeeperCheck
{
    private const string Name = "Keeper";
    private const int LastLines = 3;
    private const double MiB = 1 << 20;

    /// <summary>Makes the check; starts nothing.</summary>
    public static HostCheck Make(EngineContext context, KeeperStarter keeper)
    {
        try
        {
            (bool isHeld, KeeperNote? note) = KeeperLock.Look(context.Paths);
            return isHeld ? Ok(note is null ? "Is being started." : Describe(note))
                : keeper.WhyNone is { } reason ? Ok($"None is started. {reason}")
                : !KeeperWork.IsNeeded(context) ? Ok("Not needed now: no VM runs.")
                : Missing(LogFile.LastLines(KeeperStarter.LogIn(context.Paths), LastLines));
        }
        catch (Exception exception) when (exception is IOException or UnauthorizedAccessException)
        {
            return Missing(exception.Message);
        }
    }

    private static string Describe(KeeperNote note) => string.Create(
        CultureInfo.InvariantCulture,
        $"Runs as process {note.Process.ProcessId} since {note.StartedAt:yyyy-MM-dd HH:mm:ss}, {HostMemory.ResidentBytes(note.Process.ProcessId) / MiB:0} MiB.");

    private static HostCheck Ok(string detail) => new() { Name = Name, Status = HostCheckStatus.Ok, Detail = detail };

    private static HostCheck Missing(string why) => new()
    {
        Name = Name,
        Status = HostCheckStatus.Warning,
        Detail = why.Length == 0 ? "One is needed, and there is none." : $"One is needed, and there is none. Its log last said: {why}",
        Fix = "Get-MicroVm starts one.",
    };
}
