using System.Runtime.InteropServices;
using MicroVm.Engine.Errors;
using MicroVm.Engine.Native;
using MicroVm.Engine.State;

namespace MicroVm.Engine.Isolation;

/// <summary>Starts a VMM so that it outlives this process and shares as little as possible with it.</summary>
internal sealed class Launcher : IDisposable
{
    private readonly string _scratchDirectory;
    private readonly NamespaceThread? _isolation;

    /// <summary>Begins to prepare: as root, mount, network and IPC namespaces of the program's own.</summary>
    /// <param name="scratchDirectory">An existing directory for its temporary files; as root a tmpfs of its own that ends with it.</param>
    public Launcher(string scratchDirectory)
    {
        _scratchDirectory = scratchDirectory;
        _isolation = CanIsolate ? new NamespaceThread(scratchDirectory) : null;
    }

    /// <summary>Whether this process may make namespaces without a user namespace.</summary>
    public static bool CanIsolate => Credentials.EffectiveUserId == 0;

    /// <summary>Starts the program in a session of its own. To be called once.</summary>
    /// <param name="program">Absolute path.</param>
    /// <param name="arguments">What follows the program's name in argv.</param>
    /// <param name="descriptors">The files that become its descriptors 0, 1, 2, …; it gets no other.</param>
    /// <param name="ended">Called once, on any thread, when the program has ended while this process lives.</param>
    public ProcessIdentity Start(
        string program, IReadOnlyList<string> arguments, IReadOnlyList<SafeHandle> descriptors, Action<ProcessIdentity, ProcessExit> ended)
    {
        string[] environment = ["PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin", "LC_ALL=C", VmmSearch.MarkOf(_scratchDirectory)];
        string[] argv = [Path.GetFileName(program), .. arguments];
        int Spawn() => ProcessSpawn.Spawn(program, argv, environment, descriptors);
        int processId;
        try
        {
            processId = _isolation is null ? Spawn() : _isolation.Run(Spawn);
        }
        catch (LinuxException exception)
        {
            throw new MicroVmException(ErrorIds.HypervisorNotFound, ErrorKind.NotInstalled, $"'{program}' could not be started.", exception)
            {
                Target = program,
            };
        }

        try
        {
            Failpoint.Reach(Failpoints.LaunchSpawned);
            // Not reaped before ChildReaper knows it, so its entry in /proc cannot be missing.
            ProcessIdentity identity = ProcessIdentity.Of(processId)!;
            ChildReaper.Watch(identity, ended);
            return identity;
        }
        catch
        {
            // Nobody else knows of it yet. A child that nobody has reaped keeps its number.
            ProcessSpawn.KillAndReap(processId);
            throw;
        }
    }

    /// <inheritdoc/>
    public void Dispose() => _isolation?.Dispose();
}
