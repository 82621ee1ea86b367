using System.Diagnostics;
using System.Security.Cryptography;
using System.Text;
using MicroVm.Engine.Errors;
using MicroVm.Engine.Guest.Agent;
using MicroVm.Engine.Guest.Files;
using MicroVm.Engine.Machines;
using MicroVm.Engine.Native;
using MicroVm.Engine.Tests.Support;

namespace MicroVm.Engine.Tests.RealQemu;

/// <summary>Files between the host and real guests.</summary>
public sealed class CopyTests(QemuHome home) : QemuTests(home), IDisposable
{
    private const int Chunk = AgentCalls.FileChunkBytes;

    // What the guest says when no copy is under way: no unfinished file, and the handles that the agent holds in any case.
    private const string Leftovers = "find / -xdev -name '.microvm-*' 2>/dev/null";
    private const string Handles = "ls /proc/$(pidof qemu-ga)/fd | wc -l";

    private readonly Scratch _host = new();

    public void Dispose() => _host.Dispose();

    [QemuFact]
    public async Task Files_go_both_ways_whatever_their_names()
    {
        VirtualMachine machine = await Home.CloneAsync("copy");
        DateTime time = new(2020, 2, 29, 12, 0, 1, DateTimeKind.Utc);
        (string Name, int Length)[] files =
        [
            ("plain", 1), ("empty", 0), ("with space", Chunk), ("line\nfeed", Chunk + 1), ("it's \"quoted\"", 3 * Chunk), ("-rf", 10), ("$(reboot)`reboot`", 10),
            ("\u00fc\U0001f600", 10), ("*", 10), ("\\", 10), (".hidden", 10), (new string('n', 255), 10),
        ];
        foreach ((string name, int length) in files)
        {
            string path = Write(name, RandomNumberGenerator.GetBytes(length));
            File.SetLastWriteTimeUtc(path, time);
            File.SetUnixFileMode(path, UnixFileMode.UserRead | UnixFileMode.UserWrite | UnixFileMode.GroupExecute);

            GuestCopyResult sent = await ToAsync(machine, path, "/root");
            Assert.Equal((1, length, "/root/" + name, false), (sent.Files, (int)sent.Bytes, sent.Destination, sent.FromGuest));
            GuestCopyResult received = await FromAsync(machine, "/root/" + name, _host.Path + "/back");
            Assert.Equal((1, length, _host.Path + "/back", true), (received.Files, (int)received.Bytes, received.Destination, received.FromGuest));

            Assert.Equal(await File.ReadAllBytesAsync(path), await File.ReadAllBytesAsync(_host.Path + "/back"));
            Assert.Equal(File.GetUnixFileMode(path), File.GetUnixFileMode(_host.Path + "/back"));
            Assert.Equal(time, File.GetLastWriteTimeUtc(_host.Path + "/back"));
        }

        await AssertNothingLeftAsync(machine);
    }

    [QemuFact]
    public async Task Trees_go_both_ways()
    {
        VirtualMachine machine = await Home.CloneAsync("copy");
        string tree = _host.Path + "/tree";
        Directory.CreateDirectory(tree + "/a b/empty");
        Directory.CreateDirectory(tree + "/\u00fc/c");
        for (int i = 0; i < 70; i++)
        {
            Write($"tree/\u00fc/c/{i}", RandomNumberGenerator.GetBytes(i * 100));
        }

        File.SetUnixFileMode(Write("tree/a b/program", RandomNumberGenerator.GetBytes(2 * Chunk)), (UnixFileMode)0x9E8);
        File.CreateSymbolicLink(tree + "/absolute", "/etc/passwd");
        File.CreateSymbolicLink(tree + "/relative", "a b/program");
        File.CreateSymbolicLink(tree + "/-dangling", "no\nwhere\n");
        File.CreateSymbolicLink(tree + "/directory", "a b");
        Run("mkfifo", tree + "/pipe");
        File.SetUnixFileMode(tree + "/a b", (UnixFileMode)0x168);
        Said said = new();

        GuestCopyResult sent = await Engine.CopyToGuestAsync(
            machine.Id, new GuestCopy { Source = tree, Destination = "/root/made/here/", Recurse = true }, said, CancellationToken.None);
        Assert.Equal((71, "/root/made/here/tree"), (sent.Files, sent.Destination));
        Assert.Contains("pipe", Assert.Single(said.Warnings), StringComparison.Ordinal);
        await InGuestAsync(machine, "mkfifo /root/made/here/tree/pipe");
        await FromAsync(machine, "/root/made/here/tree", _host.Path + "/back", recurse: true);

        Assert.Equal(Describe(tree), Describe(_host.Path + "/back"));
        await AssertNothingLeftAsync(machine);
    }

    [QemuFact]
    public async Task Destination_is_a_directory_or_a_new_name()
    {
        VirtualMachine machine = await Home.CloneAsync("copy");
        string file = Write("file", "text"u8);

        Assert.Equal("/root/file", (await ToAsync(machine, file, "/root")).Destination);
        Assert.Equal("/root/new", (await ToAsync(machine, file, "/root/./new")).Destination);
        Assert.Equal("/root/a/b/file", (await ToAsync(machine, file, "/root//a/b/")).Destination);
        await AssertFailsAsync(ErrorIds.FileNotFound, "/root/none", ToAsync(machine, file, "/root/none/x"));
        await AssertFailsAsync(ErrorIds.GuestCopyFailed, "/root/new", ToAsync(machine, file, "/root/new/"));
        await AssertFailsAsync(ErrorIds.GuestCopyFailed, "absolute", ToAsync(machine, file, "root"));
        await InGuestAsync(machine, "mkdir /root/dir /root/dir/file; ln -s dir /root/link");
        await AssertFailsAsync(ErrorIds.GuestCopyFailed, "/root/link/file", ToAsync(machine, file, "/root/link"));
        await AssertFailsAsync(ErrorIds.GuestCopyFailed, "/dev/null", ToAsync(machine, file, "/dev/null"));

        Assert.Equal(_host.Path + "/back/file", (await FromAsync(machine, "/root//file", _host.Path + "/back/")).Destination);
        Assert.Equal(_host.Path + "/back/new", (await FromAsync(machine, "/root/file", _host.Path + "/back/new")).Destination);
        Assert.Equal(_host.Path + "/back/dir", (await FromAsync(machine, "/root/link", _host.Path + "/back/dir", recurse: true)).Destination);
        await AssertFailsAsync(ErrorIds.FileNotFound, _host.Path, FromAsync(machine, "/root/file", _host.Path + "/none/x"));
        await AssertFailsAsync(ErrorIds.GuestCopyFailed, _host.Path, FromAsync(machine, "/root/file", file + "/"));
        await AssertFailsAsync(ErrorIds.GuestCopyFailed, _host.Path, FromAsync(machine, "/root/file", _host.Path + "/back/dir"));
        await AssertFailsAsync(ErrorIds.GuestCopyFailed, "/dev/null", FromAsync(machine, "/root/file", "/dev/null"));
        await AssertFailsAsync(ErrorIds.GuestCopyFailed, "absolute", FromAsync(machine, "root/file", _host.Path));
        await AssertFailsAsync(ErrorIds.GuestCopyFailed, "no name", FromAsync(machine, "/root/..", _host.Path, recurse: true));
        await AssertNothingLeftAsync(machine);
    }

    [QemuFact]
    public async Task Files_are_replaced_unless_they_are_read_only()
    {
        VirtualMachine machine = await Home.CloneAsync("copy");
        string first = Write("first", "first"u8);
        string second = Write("second", "second"u8);
        await ToAsync(machine, first, "/root/file");

        await ToAsync(machine, second, "/root/file");
        Assert.Equal("second", await InGuestAsync(machine, "cat /root/file; chmod 444 /root/file"));
        await AssertFailsAsync(ErrorIds.PermissionDenied, "/root/file", ToAsync(machine, first, "/root/file"));
        Assert.Equal("second", await InGuestAsync(machine, "cat /root/file"));
        await ToAsync(machine, first, "/root/file", force: true);
        Assert.Equal("first", await InGuestAsync(machine, "cat /root/file"));

        await FromAsync(machine, "/root/file", second);
        Assert.Equal("first", await File.ReadAllTextAsync(second));
        File.SetUnixFileMode(second, UnixFileMode.UserRead);
        await AssertFailsAsync(ErrorIds.PermissionDenied, second, FromAsync(machine, "/root/file", second));
        await FromAsync(machine, "/root/file", second, force: true);
        await AssertNothingLeftAsync(machine);
    }

    [QemuFact]
    public async Task What_cannot_be_copied_is_refused()
    {
        VirtualMachine machine = await Home.CloneAsync("copy");
        await InGuestAsync(machine, "mkdir /root/odd; touch \"/root/odd/$(printf '\\377')\"");

        await AssertFailsAsync(ErrorIds.FileNotFound, "/none", ToAsync(machine, _host.Path + "/none", "/root"));
        await AssertFailsAsync(ErrorIds.FileNotFound, "/root/none", FromAsync(machine, "/root/none", _host.Path));
        await AssertFailsAsync(ErrorIds.GuestCopyFailed, "is a directory", ToAsync(machine, _host.Path, "/root"));
        await AssertFailsAsync(ErrorIds.GuestCopyFailed, "is a directory", FromAsync(machine, "/root/odd", _host.Path));
        await AssertFailsAsync(ErrorIds.GuestCopyFailed, "neither", ToAsync(machine, "/dev/null", "/root"));
        await AssertFailsAsync(ErrorIds.GuestCopyFailed, "neither", FromAsync(machine, "/dev/null", _host.Path));
        await AssertFailsAsync(ErrorIds.GuestCopyFailed, "UTF-8", FromAsync(machine, "/root/odd", _host.Path, recurse: true));
        Run("perl", "-e", "open(my $f, '>', \"$ARGV[0]/\\xff\") or die", _host.Path);
        await AssertFailsAsync(ErrorIds.GuestCopyFailed, "UTF-8", ToAsync(machine, _host.Path, "/root", recurse: true));
        // .NET could not.
        Run("perl", "-e", "unlink \"$ARGV[0]/\\xff\" or die", _host.Path);
        Assert.Empty(Directory.EnumerateFileSystemEntries(_host.Path));

        await Engine.SuspendAsync(machine.Id, Silent, CancellationToken.None);
        await AssertFailsAsync(ErrorIds.InvalidMicroVmState, "Paused", FromAsync(machine, "/etc/passwd", _host.Path));
    }

    [QemuFact]
    public async Task Full_guest_says_so_and_is_left_clean()
    {
        VirtualMachine machine = await Home.CloneAsync("copy");
        await InGuestAsync(machine, "mkdir /root/small; mount -t tmpfs -o size=1m small /root/small");
        string handles = await InGuestAsync(machine, Handles);
        string large = Write("large", new byte[2 << 20]);
        for (int i = 0; i < 20; i++)
        {
            Write($"tree/{i}", new byte[100_000]);
        }

        Assert.Equal(machine.Name, (await AssertFailsAsync(ErrorIds.GuestCopyFailed, "No space left", ToAsync(machine, large, "/root/small"))).Target);
        Assert.Equal("", await InGuestAsync(machine, "ls -A /root/small"));
        await AssertFailsAsync(ErrorIds.GuestCopyFailed, "No space left", ToAsync(machine, _host.Path + "/tree", "/root/small", recurse: true));
        Assert.Equal("", await InGuestAsync(machine, "find /root/small -name '.*'; find /root/small -type f ! -size 100000c"));
        Assert.Equal(handles, await InGuestAsync(machine, Handles));
    }

    [QemuTheory]
    [InlineData(false)]
    [InlineData(true)]
    public async Task Cancelling_in_the_middle_of_a_file_leaves_nothing(bool fromGuest)
    {
        VirtualMachine machine = await Home.CloneAsync("copy");
        string file = Write("file", new byte[8 << 20]);
        await InGuestAsync(machine, "head -c 16777216 /dev/zero >/root/large");
        string handles = await InGuestAsync(machine, Handles);
        using CancellationTokenSource cancelled = new();
        Said said = new() { At = Chunk * 3, Then = cancelled.Cancel };
        string back = Directory.CreateDirectory(_host.Path + "/back").FullName;

        await Assert.ThrowsAnyAsync<OperationCanceledException>(() => fromGuest
            ? Engine.CopyFromGuestAsync(machine.Id, new GuestCopy { Source = "/root/large", Destination = back }, said, cancelled.Token)
            : Engine.CopyToGuestAsync(machine.Id, new GuestCopy { Source = file, Destination = "/root" }, said, cancelled.Token));

        Assert.Empty(said.Warnings);
        Assert.Empty(Directory.EnumerateFileSystemEntries(back));
        Assert.Equal("large\n", await InGuestAsync(machine, "ls -A /root | grep -v '^\\.ash'"));
        Assert.Equal(handles, await InGuestAsync(machine, Handles));
    }

    [QemuTheory]
    [InlineData(false)]
    [InlineData(true)]
    public async Task VM_that_dies_in_the_middle_is_an_error_and_leaves_nothing_on_the_host(bool fromGuest)
    {
        VirtualMachine machine = await Home.CloneAsync("copy");
        string file = Write("file", new byte[8 << 20]);
        await InGuestAsync(machine, "head -c 16777216 /dev/zero >/root/large");
        string back = Directory.CreateDirectory(_host.Path + "/back").FullName;
        Said said = new()
        {
            At = Chunk * 3,
            Then = () =>
            {
                using ProcessDescriptor process = ProcessDescriptor.TryOpen(machine.ProcessId!.Value)!;
                process.Signal(Signals.Kill);
            },
        };

        Task<GuestCopyResult> copying = fromGuest
            ? Engine.CopyFromGuestAsync(machine.Id, new GuestCopy { Source = "/root/large", Destination = back }, said, CancellationToken.None)
            : Engine.CopyToGuestAsync(machine.Id, new GuestCopy { Source = file, Destination = "/root" }, said, CancellationToken.None);

        await AssertFailsAsync(ErrorIds.GuestAgentUnavailable, machine.Name, copying.Within("the end of a copy"));
        Assert.Empty(Directory.EnumerateFileSystemEntries(back));
    }

    [QemuFact]
    public async Task File_that_changes_while_it_is_copied_is_an_error()
    {
        VirtualMachine machine = await Home.CloneAsync("copy");
        string file = Write("file", new byte[3 * Chunk]);
        await ToAsync(machine, file, "/root/present");
        await File.WriteAllTextAsync(_host.Path + "/present", "old");
        void InGuest(string script) => InGuestAsync(machine, script).Within("a script in the guest").GetAwaiter().GetResult();

        foreach (string change in (string[])["echo more >>/root/present", "printf x | dd of=/root/present conv=notrunc", "head -c 300000 /dev/zero >/root/present"])
        {
            Said said = new() { At = 1, Then = () => InGuest(change) };
            await AssertFailsAsync(
                ErrorIds.GuestCopyFailed,
                "changed",
                Engine.CopyFromGuestAsync(machine.Id, new GuestCopy { Source = "/root/present", Destination = _host.Path + "/present" }, said, CancellationToken.None));
            Assert.Equal("old", await File.ReadAllTextAsync(_host.Path + "/present"));
        }

        Said tampered = new() { At = 2 * Chunk, Then = () => InGuest("printf x | dd of=$(echo /root/.microvm-*/0) conv=notrunc; echo old >/root/present") };
        await AssertFailsAsync(
            ErrorIds.GuestCopyFailed,
            "changed",
            Engine.CopyToGuestAsync(machine.Id, new GuestCopy { Source = file, Destination = "/root/present" }, tampered, CancellationToken.None));
        Assert.Equal("old\n", await InGuestAsync(machine, "cat /root/present"));

        Said shortened = new() { At = 1, Then = () => File.WriteAllText(file, "short") };
        await AssertFailsAsync(
            ErrorIds.GuestCopyFailed,
            "changed",
            Engine.CopyToGuestAsync(machine.Id, new GuestCopy { Source = file, Destination = "/root/present" }, shortened, CancellationToken.None));
        Assert.Equal(["file", "present"], Directory.EnumerateFileSystemEntries(_host.Path).Select(Path.GetFileName).Where(name => name is not ("run" or "data")).Order());
        await AssertNothingLeftAsync(machine);
    }

    [QemuFact]
    public async Task Links_that_an_earlier_copy_made_are_not_followed()
    {
        VirtualMachine machine = await Home.CloneAsync("copy");
        string outside = Directory.CreateDirectory(_host.Path + "/outside").FullName;
        string back = Directory.CreateDirectory(_host.Path + "/back").FullName;
        await InGuestAsync(machine, $"mkdir /root/tree; ln -s {outside} /root/tree/x; ln -s {outside}/file /root/tree/y");
        await FromAsync(machine, "/root/tree", back, recurse: true);
        Assert.Equal(outside, new FileInfo(back + "/tree/x").LinkTarget);

        await InGuestAsync(machine, "cd /root/tree; rm x y; echo evil >y");
        await FromAsync(machine, "/root/tree", back, recurse: true);
        Assert.Null(new FileInfo(back + "/tree/y").LinkTarget);
        await InGuestAsync(machine, "cd /root/tree; mkdir x; echo evil >x/file");
        await AssertFailsAsync(ErrorIds.GuestCopyFailed, "symbolic link", FromAsync(machine, "/root/tree", back, recurse: true));
        await AssertFailsAsync(ErrorIds.GuestCopyFailed, "symbolic link", FromAsync(machine, "/root/tree/x", back + "/tree", recurse: true));

        Assert.Empty(Directory.EnumerateFileSystemEntries(outside));
    }

    [QemuFact]
    public async Task Copies_of_one_VM_go_on_side_by_side()
    {
        VirtualMachine machine = await Home.CloneAsync("copy");
        byte[][] contents = [.. Enumerable.Range(0, 4).Select(_ => RandomNumberGenerator.GetBytes(3 * Chunk))];

        await Task.WhenAll(contents.Select(async (content, i) =>
        {
            string path = Write($"{i}", content);
            await ToAsync(machine, path, "/root/");
            await FromAsync(machine, $"/root/{i}", path + ".back");
            Assert.Equal(content, await File.ReadAllBytesAsync(path + ".back"));
        }));
        await AssertNothingLeftAsync(machine);
    }

    [QemuFact]
    public async Task Large_file_goes_to_the_guest_in_bounded_memory()
    {
        const int length = 32 << 20;
        VirtualMachine machine = await Home.CloneAsync("copy");
        string file = Write("file", new byte[length]);
        Said said = new() { WatchesMemory = true };

        await Engine.CopyToGuestAsync(machine.Id, new GuestCopy { Source = file, Destination = "/root" }, said, CancellationToken.None);

        Assert.Equal($"{length}\n", await InGuestAsync(machine, "stat -c %s /root/file"));
        Assert.InRange(said.MostMemory, 0, 8 << 20);
    }

    [QemuFact]
    public async Task Large_file_comes_from_the_guest_in_bounded_memory()
    {
        const int length = 64 << 20;
        VirtualMachine machine = await Engine.CreateAsync(
            new VirtualMachineSpec { Name = "copy", MemoryBytes = 256L << 20, DiskBytes = 128L << 20 }, start: true, Silent, CancellationToken.None);
        await InGuestAsync(machine, $"head -c {length} /dev/zero >/root/file");
        Said said = new() { WatchesMemory = true };

        await Engine.CopyFromGuestAsync(machine.Id, new GuestCopy { Source = "/root/file", Destination = _host.Path }, said, CancellationToken.None);

        Assert.Equal(length, new FileInfo(_host.Path + "/file").Length);
        Assert.InRange(said.MostMemory, 0, 8 << 20);
    }

    private Task<GuestCopyResult> ToAsync(VirtualMachine machine, string source, string destination, bool recurse = false, bool force = false) =>
        Engine.CopyToGuestAsync(
            machine.Id, new GuestCopy { Source = source, Destination = destination, Recurse = recurse, Force = force }, Silent, CancellationToken.None);

    private Task<GuestCopyResult> FromAsync(VirtualMachine machine, string source, string destination, bool recurse = false, bool force = false) =>
        Engine.CopyFromGuestAsync(
            machine.Id, new GuestCopy { Source = source, Destination = destination, Recurse = recurse, Force = force }, Silent, CancellationToken.None);

    private async Task<string> InGuestAsync(VirtualMachine machine, string script)
    {
        GuestAgent agent = GuestAccess.Open(Home.Context, machine.Id, "to look");
        return Encoding.UTF8.GetString((await AgentProcess.RunScriptAsync(agent, script, [], default, CancellationToken.None)).Output);
    }

    private async Task AssertNothingLeftAsync(VirtualMachine machine)
    {
        Assert.Equal("", await InGuestAsync(machine, Leftovers));
        Assert.Empty(Directory.EnumerateFileSystemEntries(_host.Path, ".microvm-*", SearchOption.AllDirectories));
    }

    private static async Task<MicroVmException> AssertFailsAsync(string errorId, string words, Task copying)
    {
        MicroVmException failure = await Assert.ThrowsAsync<MicroVmException>(() => copying);
        Assert.Equal(errorId, failure.ErrorId);
        Assert.Contains(words, failure.Message, StringComparison.Ordinal);
        return failure;
    }

    private string Write(string name, ReadOnlySpan<byte> content)
    {
        string path = $"{_host.Path}/{name}";
        Directory.CreateDirectory(Path.GetDirectoryName(path)!);
        File.WriteAllBytes(path, content);
        return path;
    }

    private static IEnumerable<string> Describe(string tree) => HostTree.List(tree, recurse: true, CancellationToken.None)
        .Where(entry => entry.Kind != EntryKind.Other)
        .Select(entry => entry.Kind switch
        {
            EntryKind.File => $"{entry.Path} {entry.Mode} {entry.ModifiedAt} {Convert.ToHexString(SHA256.HashData(File.ReadAllBytes(entry.Below(tree))))}",
            EntryKind.Link => $"{entry.Path} -> {new FileInfo(entry.Below(tree)).LinkTarget}",
            _ => $"{entry.Path} {entry.Kind} {entry.Mode}",
        });

    private static void Run(string program, params string[] arguments)
    {
        using Process process = Process.Start(program, arguments);
        process.WaitForExit();
        Assert.Equal(0, process.ExitCode);
    }

    /// <summary>Hears what a copy says, and does something once it has gone so far.</summary>
    private sealed class Said : IOperationObserver
    {
        private const int WatchEvery = 16;

        private readonly long _memoryBefore = GC.GetTotalMemory(forceFullCollection: true);
        private int _moves;
        private bool _done;

        /// <summary>How many bytes have to be copied, in whole chunks.</summary>
        public int At { get; init; }

        public Action? Then { get; init; }

        public bool WatchesMemory { get; init; }

        /// <summary>The most memory that was held during the copy, in bytes; garbage does not count.</summary>
        public long MostMemory { get; private set; }

        public List<string> Warnings { get; } = [];

        public void Progress(OperationProgress progress)
        {
            if (!progress.Status.Contains("MiB", StringComparison.Ordinal))
            {
                return;
            }

            _moves++;
            if (!_done && _moves * (long)Chunk >= At)
            {
                _done = true;
                Then?.Invoke();
            }

            if (WatchesMemory && _moves % WatchEvery == 0)
            {
                MostMemory = Math.Max(MostMemory, GC.GetTotalMemory(forceFullCollection: true) - _memoryBefore);
            }
        }

        public void Verbose(string message)
        {
        }

        public void Warning(string message) => Warnings.Add(message);
    }
}
