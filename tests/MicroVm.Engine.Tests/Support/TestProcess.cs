using Microsoft.Win32.SafeHandles;
using MicroVm.Engine.Native;

namespace MicroVm.Engine.Tests.Support;

/// <summary>A child started the engine's way, in this process's namespaces; killed and reaped with this object.</summary>
internal sealed class TestProcess : IDisposable
{
    private readonly ProcessDescriptor _process;

    private TestProcess(int processId)
    {
        Identity = ProcessIdentity.Of(processId)!;
        _process = ProcessDescriptor.TryOpen(processId)!;
    }

    public ProcessIdentity Identity { get; }

    public int Id => Identity.ProcessId;

    /// <summary>Starts a program whose output goes to a file.</summary>
    public static TestProcess Start(string output, params string[] command)
    {
        using SafeFileHandle nothing = File.OpenHandle("/dev/null", FileMode.Open, FileAccess.ReadWrite, FileShare.ReadWrite);
        using SafeFileHandle file = File.OpenHandle(output, FileMode.OpenOrCreate, FileAccess.Write, FileShare.ReadWrite);
        string program = ProgramFinder.Find(command[0])!;
        return new TestProcess(ProcessSpawn.Spawn(program, command, ["PATH=/usr/bin:/bin"], [nothing, file, file]));
    }

    /// <summary>Starts a program that does nothing for longer than any test.</summary>
    public static TestProcess Sleeper() => Start("/dev/null", "sleep", "1000");

    public void Signal(int signal) => _process.Signal(signal);

    /// <summary>Waits for its end, without reaping it: it stays a zombie.</summary>
    public void WaitForEnd() => Assert.True(_process.WaitForEnd(Limits.Generous, CancellationToken.None));

    public ProcessExit? Reap() => _process.TryReap();

    public void Dispose()
    {
        _process.Signal(Signals.Kill);
        _process.WaitForEnd(Limits.Generous, CancellationToken.None);
        _process.TryReap();
        _process.Dispose();
    }
}
