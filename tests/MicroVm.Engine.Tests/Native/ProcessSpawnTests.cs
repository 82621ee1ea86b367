using System.Globalization;
using System.Runtime.InteropServices;
using Microsoft.Win32.SafeHandles;
using MicroVm.Engine.Native;
using MicroVm.Engine.Tests.Support;

namespace MicroVm.Engine.Tests.Native;

public sealed partial class ProcessSpawnTests : IDisposable
{
    private readonly Scratch _scratch = new();

    private string Output => _scratch.File("output");

    public void Dispose() => _scratch.Dispose();

    [Fact]
    public void Child_leads_a_session_of_its_own()
    {
        using TestProcess child = TestProcess.Sleeper();

        // Fields 5 and 6 of proc(5)'s stat: process group and session.
        string[] fields = File.ReadAllText($"/proc/{child.Id}/stat").Split(") ")[1].Split(' ');
        Assert.Equal(child.Id.ToString(CultureInfo.InvariantCulture), fields[2]);
        Assert.Equal(child.Id.ToString(CultureInfo.InvariantCulture), fields[3]);
    }

    [Fact]
    public void Child_has_the_files_it_was_given_and_no_other()
    {
        // Inheritable on purpose, as a careless library's would be.
        using SafeFileHandle careless = OpenInheritable();
        using SafeFileHandle first = File.OpenHandle("/dev/null", FileMode.Open, FileAccess.ReadWrite, FileShare.ReadWrite);
        using SafeFileHandle second = File.OpenHandle(_scratch.File("second"), FileMode.CreateNew, FileAccess.ReadWrite);
        int id = ProcessSpawn.Spawn(ProgramFinder.Find("sleep")!, ["sleep", "1000"], [], [first, first, first, second, first]);
        using ProcessDescriptor process = ProcessDescriptor.TryOpen(id)!;
        try
        {
            Assert.Equal(
                ["0 /dev/null", "1 /dev/null", "2 /dev/null", $"3 {_scratch.File("second")}", "4 /dev/null"],
                Directory.GetFileSystemEntries($"/proc/{id}/fd").Order().Select(path => $"{Path.GetFileName(path)} {new FileInfo(path).LinkTarget}"));
        }
        finally
        {
            process.Signal(Signals.Kill);
            process.WaitForEnd(Limits.Generous, CancellationToken.None);
            process.TryReap();
        }
    }

    [Fact]
    public void Files_may_be_given_in_any_order_and_more_than_once()
    {
        // Descriptors that cover their own targets crosswise.
        SafeFileHandle[] files = [.. Enumerable.Range(0, 80).Select(i => File.OpenHandle(_scratch.File($"f{i:00}"), FileMode.CreateNew, FileAccess.ReadWrite, FileShare.ReadWrite))];
        try
        {
            SafeHandle[] given = [.. files.Reverse(), files[0]];
            int id = ProcessSpawn.Spawn(ProgramFinder.Find("sleep")!, ["sleep", "1000"], [], given);
            using ProcessDescriptor process = ProcessDescriptor.TryOpen(id)!;
            try
            {
                for (int i = 0; i < given.Length; i++)
                {
                    string expected = _scratch.File($"f{(i < 80 ? 79 - i : 0):00}");
                    Assert.Equal(expected, new FileInfo($"/proc/{id}/fd/{i}").LinkTarget);
                }
            }
            finally
            {
                process.Signal(Signals.Kill);
                process.WaitForEnd(Limits.Generous, CancellationToken.None);
                process.TryReap();
            }
        }
        finally
        {
            Array.ForEach(files, file => file.Dispose());
        }
    }

    [Fact]
    public void Child_starts_in_the_root_directory_with_the_environment_it_was_given()
    {
        Assert.Equal(["PATH=/usr/bin:/bin"], Run("env"));
        using TestProcess child = TestProcess.Sleeper();
        Assert.Equal("/", new FileInfo($"/proc/{child.Id}/cwd").LinkTarget);
    }

    [Fact]
    public void Arguments_arrive_as_they_are()
    {
        string[] arguments = ["printf", "%s\\n", "", "two words", "ümläut 😀", "$(id)", "-x", "a,b", "'\"\\"];

        Assert.Equal(arguments[2..], Run(arguments));
    }

    [Fact]
    public void Signals_are_at_their_defaults_and_none_is_blocked()
    {
        // .NET ignores SIGPIPE (13), and would pass that on. Signals 32 and 33 are the C library's own, and it lets nobody touch them.
        const ulong Reserved = 3UL << 31;
        string[] status = Run("cat", "/proc/self/status");

        Assert.All((string[])["SigBlk:", "SigIgn:", "SigCgt:"], field => Assert.Equal(
            0UL,
            ulong.Parse(status.Single(line => line.StartsWith(field, StringComparison.Ordinal))[field.Length..].Trim(), NumberStyles.HexNumber, CultureInfo.InvariantCulture) & ~Reserved));
    }

    [Fact]
    public void Program_that_cannot_start_is_an_error_with_its_number()
    {
        const int NoEntry = 2;
        LinuxException error = Assert.Throws<LinuxException>(() => ProcessSpawn.Spawn("/nowhere/program", ["program"], [], []));

        Assert.Equal(NoEntry, error.Errno);
        Assert.Contains("/nowhere/program", error.Message, StringComparison.Ordinal);
    }

    private string[] Run(params string[] command)
    {
        using TestProcess child = TestProcess.Start(Output, command);
        child.WaitForEnd();
        Assert.Equal(new ProcessExit(0, null), child.Reap());
        return File.ReadAllText(Output).Split('\n')[..^1];
    }

    private static SafeFileHandle OpenInheritable()
    {
        int descriptor = Open("/dev/zero", 0);
        Assert.True(descriptor >= 0);
        return new SafeFileHandle(descriptor, ownsHandle: true);
    }

    [LibraryImport("libc", EntryPoint = "open", StringMarshalling = StringMarshalling.Utf8)]
    private static partial int Open(string path, int flags);
}
