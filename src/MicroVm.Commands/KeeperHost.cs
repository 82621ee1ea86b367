using MicroVm.Engine;
using MicroVm.Engine.Keeper;

namespace MicroVm.Commands;

/// <summary>How the module starts a keeper: as a pwsh of its own.</summary>
internal static class KeeperHost
{
    /// <summary>The command; null where PowerShell is hosted by another program than pwsh.</summary>
    public static KeeperCommand? Command { get; } = Make();

    private static KeeperCommand? Make()
    {
        string script = Path.GetFullPath(Path.Combine(Path.GetDirectoryName(typeof(KeeperHost).Assembly.Location)!, "../Start-Keeper.ps1"));
        return Environment.ProcessPath is { } program && Path.GetFileName(program) == "pwsh"
            ? new KeeperCommand(program, ["-NoProfile", "-NonInteractive", "-NoLogo", "-File", script], typeof(MicroVmEngine).Assembly.Location)
            : null;
    }
}
