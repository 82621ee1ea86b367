using Microsoft.Win32.SafeHandles;
using MicroVm.Engine.Errors;
using MicroVm.Engine.Isolation;
using MicroVm.Engine.Native;
using MicroVm.Engine.Tests.Support;

namespace MicroVm.Engine.Tests.Isolation;

public sealed class NamespaceThreadTests : IDisposable
{
    private readonly Scratch _scratch = new();

    public void Dispose() => _scratch.Dispose();

    [RootFact]
    public void Child_has_namespaces_of_its_own_and_this_process_keeps_its()
    {
        string[] kinds = ["mnt", "net", "ipc"];
        string[] before = [.. kinds.Select(kind => NamespaceOf("self", kind))];
        string mounts = File.ReadAllText("/proc/self/mountinfo");

        using Child child = new(Path.Combine(_scratch.Path, "tmp"));

        Assert.All(kinds.Zip(before), pair => Assert.NotEqual(pair.Second, NamespaceOf($"{child.Id}", pair.First)));
        Assert.Equal(NamespaceOf("self", "user"), NamespaceOf($"{child.Id}", "user"));
        Assert.Equal(before, kinds.Select(kind => NamespaceOf("self", kind)));
        // The thread that was in the namespaces has said its last word before it is gone.
        Assert.True(SpinWait.SpinUntil(() => Threads().All(thread => thread.LinkTarget is null || thread.LinkTarget == before[0]), Limits.Generous));
        Assert.Equal(mounts, File.ReadAllText("/proc/self/mountinfo"));
    }

    [RootFact]
    public void Scratch_directory_is_a_tmpfs_that_only_the_child_sees()
    {
        string tmp = Path.Combine(_scratch.Path, "tmp");
        using Child child = new(tmp);

        Assert.Contains(File.ReadLines($"/proc/{child.Id}/mountinfo"), line => line.Contains($" {tmp} ", StringComparison.Ordinal) && line.Contains(" - tmpfs ", StringComparison.Ordinal));
        File.WriteAllText($"/proc/{child.Id}/root{tmp}/inside", "text");
        Assert.Empty(Directory.GetFileSystemEntries(tmp));
        File.WriteAllText(Path.Combine(tmp, "outside"), "text");
        Assert.False(File.Exists($"/proc/{child.Id}/root{tmp}/outside"));
    }

    [RootFact]
    public void Child_has_no_network_but_its_own_loopback()
    {
        using Child child = new(Path.Combine(_scratch.Path, "tmp"));

        Assert.Equal(["lo"], File.ReadLines($"/proc/{child.Id}/net/dev").Skip(2).Select(line => line.Split(':')[0].Trim()));
    }

    [RootFact]
    public void Missing_scratch_directory_is_a_typed_error_and_nothing_is_started()
    {
        bool called = false;
        using NamespaceThread thread = new(_scratch.File("none"));

        MicroVmException error = Assert.Throws<MicroVmException>(() => thread.Run(() => called = true));

        Assert.Equal(ErrorIds.IsolationFailed, error.ErrorId);
        Assert.IsType<LinuxException>(error.InnerException);
        Assert.False(called);
    }

    [RootFact]
    public void Thread_on_which_nothing_runs_ends()
    {
        string tmp = Directory.CreateDirectory(_scratch.File("tmp")).FullName;
        int before = Directory.GetDirectories("/proc/self/task").Length;

        for (int i = 0; i < 50; i++)
        {
            new NamespaceThread(tmp).Dispose();
        }

        Assert.InRange(Directory.GetDirectories("/proc/self/task").Length, 1, before + 20);
    }

    [RootFact]
    public void Program_that_cannot_start_is_no_failure_of_the_isolation()
    {
        using Launcher launcher = new(Directory.CreateDirectory(_scratch.File("tmp")).FullName);

        MicroVmException error = Assert.Throws<MicroVmException>(() => launcher.Start("/nowhere/qemu", [], [], (_, _) => { }));

        Assert.Equal(ErrorIds.HypervisorNotFound, error.ErrorId);
        Assert.Equal("/nowhere/qemu", error.Target);
    }

    [RootFact(Timeout = 60_000)]
    public async Task End_of_a_started_program_is_told_once()
    {
        using Launcher launcher = new(Directory.CreateDirectory(_scratch.File("tmp")).FullName);
        TaskCompletionSource<(ProcessIdentity, ProcessExit)> ended = new(TaskCreationOptions.RunContinuationsAsynchronously);
        using SafeFileHandle nothing = File.OpenHandle("/dev/null", FileMode.Open, FileAccess.ReadWrite, FileShare.ReadWrite);

        ProcessIdentity child = launcher.Start(
            ProgramFinder.Find("sh")!, ["-c", "exit 5"], [nothing, nothing, nothing], (who, how) => ended.SetResult((who, how)));

        Assert.Equal((child, new ProcessExit(5, null)), await ended.Task.Within("the exit status"));
        Assert.False(child.Exists);
    }

    [RootFact]
    public void Unmounting_here_unmounts_for_the_child()
    {
        // Else a disk that was unmounted on the host stays busy for as long as some VM runs.
        string shared = Directory.CreateDirectory(_scratch.File("shared")).FullName;
        string disk = Path.Combine(shared, "disk");
        Run("mount", "-t", "tmpfs", "tmpfs", shared);
        try
        {
            Run("mount", "--make-shared", shared);
            Directory.CreateDirectory(disk);
            Run("mount", "-t", "tmpfs", "tmpfs", disk);
            using Child child = new(Path.Combine(_scratch.Path, "tmp"));
            Assert.True(Sees(child, disk));

            Run("umount", disk);

            Assert.False(Sees(child, disk));
        }
        finally
        {
            Run("umount", "-R", shared);
        }
    }

    private static IEnumerable<FileInfo> Threads() =>
        Directory.GetDirectories("/proc/self/task").Select(task => new FileInfo(Path.Combine(task, "ns/mnt")));

    private static bool Sees(Child child, string mount) =>
        File.ReadLines($"/proc/{child.Id}/mountinfo").Any(line => line.Contains($" {mount} ", StringComparison.Ordinal));

    private static void Run(params string[] command)
    {
        using TestProcess process = TestProcess.Start("/dev/null", command);
        process.WaitForEnd();
        Assert.Equal(new ProcessExit(0, null), process.Reap());
    }

    private static string NamespaceOf(string process, string kind) => new FileInfo($"/proc/{process}/ns/{kind}").LinkTarget!;

    private sealed class Child : IDisposable
    {
        private readonly ProcessDescriptor _process;

        public Child(string scratch)
        {
            Directory.CreateDirectory(scratch);
            using SafeFileHandle nothing = File.OpenHandle("/dev/null", FileMode.Open, FileAccess.ReadWrite, FileShare.ReadWrite);
            string program = ProgramFinder.Find("sleep")!;
            using NamespaceThread thread = new(scratch);
            Id = thread.Run(() => ProcessSpawn.Spawn(program, ["sleep", "1000"], [], [nothing, nothing, nothing]));
            _process = ProcessDescriptor.TryOpen(Id)!;
        }

        public int Id { get; }

        public void Dispose()
        {
            _process.Signal(Signals.Kill);
            _process.WaitForEnd(Limits.Generous, CancellationToken.None);
            _process.TryReap();
            _process.Dispose();
        }
    }
}
