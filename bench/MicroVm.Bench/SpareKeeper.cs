using Microsoft.Win32.SafeHandles;
using MicroVm.Bench.Baselines;
using MicroVm.Engine.Keeper;
using MicroVm.Engine.Machines;
using MicroVm.Engine.Network;
using MicroVm.Engine.State;

namespace MicroVm.Bench;

/// <summary>A process that keeps network links of a host ready, as the keeper does; killed with this object.</summary>
internal sealed class SpareKeeper : IDisposable
{
    /// <summary>The argument by which this program is that process.</summary>
    public const string Verb = "keep-spares";

    private const int Count = 8;
    private static readonly TimeSpan s_limit = TimeSpan.FromSeconds(60);

    private readonly string _directory;
    private readonly int _process;

    /// <summary>Starts it.</summary>
    /// <param name="host">The host.</param>
    /// <param name="directory">A directory that is not there yet, for its files.</param>
    public SpareKeeper(PrivateHost host, string directory)
    {
        _directory = directory;
        Paths = new MicroVmPaths(Path.Combine(directory, "run"), Path.Combine(directory, "data"));
        Spares = new SpareLinks(Paths);
        new HostSettings { SpareSlots = Count }.Write(Paths);
        string program = Environment.ProcessPath!;
        string[] assembly = Path.GetFileName(program) == "dotnet" ? [typeof(SpareKeeper).Assembly.Location] : [];
        _process = Processes.Start(program, [.. assembly, Verb, Paths.RunDirectory, Paths.DataDirectory, host.Path]);
    }

    /// <summary>Where its files are.</summary>
    public MicroVmPaths Paths { get; }

    /// <summary>What takes its links.</summary>
    public SpareLinks Spares { get; }

    /// <summary>Is that process, until it is killed.</summary>
    public static int Run(string[] arguments)
    {
        using SafeFileHandle file = File.OpenHandle(arguments[2]);
        using HostNetwork host = new(file);
        using SpareService service = new(new EngineContext(new MicroVmPaths(arguments[0], arguments[1]), hostNetwork: host), new KeeperOptions(), Console.Error.WriteLine);
        service.RunAsync(CancellationToken.None).GetAwaiter().GetResult();
        return 0;
    }

    /// <summary>Waits until all links are ready.</summary>
    public void WaitUntilReady()
    {
        if (!SpinWait.SpinUntil(() => Spares.CountReady() == Count, s_limit))
        {
            throw new InvalidOperationException("No links are ready.");
        }
    }

    /// <inheritdoc/>
    public void Dispose()
    {
        Processes.Kill(_process);
        Directory.Delete(_directory, recursive: true);
    }
}
