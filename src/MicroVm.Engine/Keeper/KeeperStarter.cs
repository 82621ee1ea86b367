using Microsoft.Win32.SafeHandles;
using MicroVm.Engine.Isolation;
using MicroVm.Engine.Native;
using MicroVm.Engine.State;

namespace MicroVm.Engine.Keeper;

/// <summary>Starts a keeper where there is none, and replaces one that is outdated.</summary>
/// <param name="paths">The state directory.</param>
/// <param name="command">How; null when the front end cannot.</param>
internal sealed class KeeperStarter(MicroVmPaths paths, KeeperCommand? command)
{
    /// <summary>The environment variable that keeps keepers from being started.</summary>
    public const string Variable = "MICROVM_KEEPER";

    /// <summary>The environment variable that says after how many milliseconds an idle keeper ends; for tests.</summary>
    public const string IdleVariable = "MICROVM_KEEPER_IDLE";

    /// <summary>The descriptor on which a keeper gets its lock.</summary>
    public const int LockDescriptor = 3;

    private const long LongestLog = 256 << 10;

    // It has nothing to save.
    private static readonly TimeSpan s_endLimit = TimeSpan.FromSeconds(5);

    /// <summary>The log of what keepers had to say.</summary>
    public static string LogIn(MicroVmPaths paths) => Path.Combine(paths.DataDirectory, "keeper.log");

    /// <summary>Why no keeper is started here; null when one is.</summary>
    public string? WhyNone =>
        string.Equals(Environment.GetEnvironmentVariable(Variable), "Off", StringComparison.OrdinalIgnoreCase) ? $"{Variable} is Off."
        : command is null ? "What runs the engine names no program for a keeper."
        : !File.Exists(command.ModuleFile) ? $"'{command.ModuleFile}' is gone; import the module again."
        : null;

    /// <summary>Sees to it that there is a keeper, if one may be started. Waits for nothing but the end of a keeper that is outdated.</summary>
    /// <returns>Why there is none; null when there is one, or none is wanted.</returns>
    public string? Ensure()
    {
        if (WhyNone is not null)
        {
            return null;
        }

        try
        {
            (bool isHeld, KeeperNote? note) = KeeperLock.Look(paths);
            if (isHeld && note is not { IsOutdated: true })
            {
                return null;
            }

            if (isHeld)
            {
                End(note!.Process);
            }

            Start();
            return null;
        }
        catch (Exception exception) when (exception is IOException or UnauthorizedAccessException)
        {
            return exception.Message;
        }
    }

    private static void End(ProcessIdentity keeper)
    {
        using ProcessDescriptor? process = VmmProcess.Open(keeper);
        if (process is not null && process.Signal(Signals.Terminate))
        {
            process.WaitForEnd(s_endLimit, CancellationToken.None);
        }
    }

    private void Start()
    {
        // Null when another process was faster.
        using KeeperLock? held = KeeperLock.TryAcquire(paths);
        if (held is null)
        {
            return;
        }

        // Before it is run: if it is replaced in between, so will be the keeper.
        string? stamp = KeeperNote.StampOf(command!.ModuleFile);
        string path = LogIn(paths);
        if (File.Exists(path) && new FileInfo(path).Length > LongestLog)
        {
            File.Delete(path);
        }

        using SafeFileHandle nothing = File.OpenHandle("/dev/null", FileMode.Open, FileAccess.ReadWrite, FileShare.ReadWrite);
        using SafeFileHandle log = File.OpenHandle(path, FileMode.Append, FileAccess.Write, FileShare.ReadWrite);
        int processId = ProcessSpawn.Spawn(
            command.Program,
            [Path.GetFileName(command.Program), .. command.Arguments, paths.RunDirectory, paths.DataDirectory, command.ModuleFile],
            EnvironmentOfKeeper(),
            [nothing, log, log, held.File]);
        // Not reaped before ChildReaper knows it.
        ProcessIdentity keeper = ProcessIdentity.Of(processId)!;
        held.Note(new KeeperNote(keeper, KeeperNote.CurrentVersion, DateTimeOffset.Now, command.ModuleFile, stamp));
        ChildReaper.Watch(keeper, static (_, _) => { });
    }

    // What pwsh needs to start, without what it does beside: no telemetry, no sockets for debuggers, and a heap that gives memory back.
    private static List<string> EnvironmentOfKeeper()
    {
        List<string> environment =
        [
            "PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin",
            "LC_ALL=C",
            "POWERSHELL_TELEMETRY_OPTOUT=1",
            "POWERSHELL_UPDATECHECK=Off",
            "DOTNET_EnableDiagnostics=0",
            "DOTNET_TieredPGO=0",
            "DOTNET_GCConserveMemory=9",
            "DOTNET_gcConcurrent=0",
            $"{Variable}=Off",
        ];
        foreach (string name in (string[])["HOME", "DOTNET_ROOT", "DOTNET_SYSTEM_GLOBALIZATION_INVARIANT", IdleVariable])
        {
            if (Environment.GetEnvironmentVariable(name) is { Length: > 0 } value)
            {
                environment.Add($"{name}={value}");
            }
        }

        return environment;
    }
}
