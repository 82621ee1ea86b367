using System.Text;
using MicroVm.Engine.Native;
using MicroVm.Engine.State;

namespace MicroVm.Engine.Tests.Support;

/// <summary>
/// A directory of a test's own with a short path, because those of sockets have to be short; removed with all it holds, and with the processes that a test
/// which failed has left.
/// </summary>
internal sealed class Scratch : IDisposable
{
    public Scratch()
    {
        Path = $"/var/tmp/mvt-{Guid.NewGuid().ToString("N")[..8]}";
        MachineStore.MakeDirectory(Path);
    }

    public string Path { get; }

    public MicroVmPaths Paths => new(File("run"), File("data"));

    public string File(string name) => System.IO.Path.Combine(Path, name);

    public void Dispose()
    {
        foreach (RunningProgram program in ProgramsOf(Path))
        {
            using ProcessDescriptor? process = ProcessDescriptor.TryOpen(program.ProcessId);
            process?.Signal(Signals.Kill);
            process?.WaitForEnd(Limits.Generous, CancellationToken.None);
        }

        Directory.Delete(Path, recursive: true);
    }

    /// <summary>The processes, besides this one, in whose command line a path occurs.</summary>
    public static List<RunningProgram> ProgramsOf(string path)
    {
        List<RunningProgram> found = [];
        foreach (string process in Directory.EnumerateDirectories("/proc"))
        {
            if (int.TryParse(System.IO.Path.GetFileName(process), out int id) && id != Environment.ProcessId)
            {
                string command = CommandLineOf(process);
                if (command.Contains(path, StringComparison.Ordinal))
                {
                    found.Add(new RunningProgram(id, command));
                }
            }
        }

        return found;
    }

    private static string CommandLineOf(string process)
    {
        try
        {
            return Encoding.UTF8.GetString(System.IO.File.ReadAllBytes(System.IO.Path.Combine(process, "cmdline"))).Replace('\0', ' ');
        }
        catch (IOException)
        {
            // It has ended since it was listed.
            return "";
        }
    }

    /// <summary>A process.</summary>
    internal sealed record RunningProgram(int ProcessId, string CommandLine);
}
