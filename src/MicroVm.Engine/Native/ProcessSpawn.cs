using System.Runtime.InteropServices;
using System.Text;

namespace MicroVm.Engine.Native;

/// <summary>Starts a program in the calling thread's namespaces (posix_spawn(3)).</summary>
internal static unsafe partial class ProcessSpawn
{
    private const short SetSignalDefaults = 0x04;
    private const short SetSignalMask = 0x08;
    private const short SetSession = 0x80;

    // glibc's types; musl's are no larger.
    private const int AttributesBytes = 336;
    private const int FileActionsBytes = 80;
    private const int SignalSetBytes = 128;

    /// <summary>
    /// Starts <paramref name="program"/> in a session of its own, in the root directory, with default signal handling, and with no open file but
    /// those given.
    /// </summary>
    /// <param name="program">Absolute path of the program.</param>
    /// <param name="arguments">argv, the program's name first.</param>
    /// <param name="environment">"NAME=value" entries; nothing else passes.</param>
    /// <param name="descriptors">The files that become descriptors 0, 1, 2, … of the program.</param>
    /// <returns>The process id.</returns>
    /// <exception cref="LinuxException">The program could not be started.</exception>
    public static int Spawn(
        string program, IReadOnlyList<string> arguments, IReadOnlyList<string> environment, IReadOnlyList<SafeHandle> descriptors)
    {
        byte* attributes = stackalloc byte[AttributesBytes];
        byte* actions = stackalloc byte[FileActionsBytes];
        byte* signals = stackalloc byte[SignalSetBytes];
        using StringVector argv = new(arguments);
        using StringVector envp = new(environment);
        // Sources above every target: no dup2 can overwrite a file that a later one still needs.
        List<int> sources = [];
        Check("posix_spawnattr_init", AttributesInit(attributes));
        Check("posix_spawn_file_actions_init", ActionsInit(actions));
        try
        {
            FillSet(signals);
            Check("posix_spawnattr_setsigdefault", AttributesSetDefaults(attributes, signals));
            EmptySet(signals);
            Check("posix_spawnattr_setsigmask", AttributesSetMask(attributes, signals));
            Check("posix_spawnattr_setflags", AttributesSetFlags(attributes, SetSignalDefaults | SetSignalMask | SetSession));
            for (int target = 0; target < descriptors.Count; target++)
            {
                int source = Descriptors.DuplicateAbove(descriptors[target], 64 + descriptors.Count);
                sources.Add(source);
                Check("posix_spawn_file_actions_adddup2", ActionsAddDup2(actions, source, target));
            }

            Check("posix_spawn_file_actions_addchdir_np", ActionsAddChangeDirectory(actions, "/"));
            Check("posix_spawn_file_actions_addclosefrom_np", ActionsAddCloseFrom(actions, descriptors.Count));
            Check("posix_spawn", PosixSpawn(out int processId, program, actions, attributes, argv.Pointer, envp.Pointer), program);
            return processId;
        }
        finally
        {
            _ = ActionsDestroy(actions);
            _ = AttributesDestroy(attributes);
            sources.ForEach(Descriptors.Close);
        }
    }

    /// <summary>Kills a child that nobody has reaped yet and waits for its end. Needs no descriptor, for want of one may be the reason.</summary>
    public static void KillAndReap(int child)
    {
        _ = Kill(child, Signals.Kill);
        while (WaitPid(child, null, 0) < 0 && Marshal.GetLastPInvokeError() == Errno.Interrupted)
        {
        }
    }

    private static void Check(string call, int error, string? subject = null)
    {
        if (error != 0)
        {
            throw LinuxException.From(call, error, subject);
        }
    }

    [LibraryImport("libc", EntryPoint = "posix_spawn", StringMarshalling = StringMarshalling.Utf8)]
    private static partial int PosixSpawn(out int processId, string path, byte* actions, byte* attributes, byte** argv, byte** envp);

    [LibraryImport("libc", EntryPoint = "posix_spawnattr_init")]
    private static partial int AttributesInit(byte* attributes);

    [LibraryImport("libc", EntryPoint = "posix_spawnattr_destroy")]
    private static partial int AttributesDestroy(byte* attributes);

    [LibraryImport("libc", EntryPoint = "posix_spawnattr_setflags")]
    private static partial int AttributesSetFlags(byte* attributes, short flags);

    [LibraryImport("libc", EntryPoint = "posix_spawnattr_setsigdefault")]
    private static partial int AttributesSetDefaults(byte* attributes, byte* set);

    [LibraryImport("libc", EntryPoint = "posix_spawnattr_setsigmask")]
    private static partial int AttributesSetMask(byte* attributes, byte* set);

    [LibraryImport("libc", EntryPoint = "posix_spawn_file_actions_init")]
    private static partial int ActionsInit(byte* actions);

    [LibraryImport("libc", EntryPoint = "posix_spawn_file_actions_destroy")]
    private static partial int ActionsDestroy(byte* actions);

    [LibraryImport("libc", EntryPoint = "posix_spawn_file_actions_adddup2")]
    private static partial int ActionsAddDup2(byte* actions, int source, int target);

    [LibraryImport("libc", EntryPoint = "posix_spawn_file_actions_addchdir_np", StringMarshalling = StringMarshalling.Utf8)]
    private static partial int ActionsAddChangeDirectory(byte* actions, string path);

    [LibraryImport("libc", EntryPoint = "posix_spawn_file_actions_addclosefrom_np")]
    private static partial int ActionsAddCloseFrom(byte* actions, int from);

    [LibraryImport("libc", EntryPoint = "kill", SetLastError = true)]
    private static partial int Kill(int processId, int signal);

    [LibraryImport("libc", EntryPoint = "waitpid", SetLastError = true)]
    private static partial int WaitPid(int processId, int* status, int options);

    [LibraryImport("libc", EntryPoint = "sigfillset")]
    private static partial int FillSet(byte* set);

    [LibraryImport("libc", EntryPoint = "sigemptyset")]
    private static partial int EmptySet(byte* set);

    /// <summary>A null-terminated vector of C strings.</summary>
    private sealed class StringVector : IDisposable
    {
        private readonly int _count;

        public StringVector(IReadOnlyList<string> values)
        {
            _count = values.Count;
            Pointer = (byte**)NativeMemory.AllocZeroed((nuint)(_count + 1), (nuint)sizeof(byte*));
            for (int i = 0; i < _count; i++)
            {
                int bytes = Encoding.UTF8.GetByteCount(values[i]);
                Pointer[i] = (byte*)NativeMemory.AllocZeroed((nuint)bytes + 1);
                Encoding.UTF8.GetBytes(values[i], new Span<byte>(Pointer[i], bytes));
            }
        }

        public byte** Pointer { get; }

        public void Dispose()
        {
            for (int i = 0; i < _count; i++)
            {
                NativeMemory.Free(Pointer[i]);
            }

            NativeMemory.Free(Pointer);
        }
    }
}
