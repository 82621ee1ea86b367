using Microsoft.Win32.SafeHandles;
using MicroVm.Engine.Machines;
using MicroVm.Engine.Native;
using MicroVm.Engine.State;
using MicroVm.Engine.Tests.State;
using MicroVm.Engine.Tests.Support;

namespace MicroVm.Engine.Tests.Faults;

/// <summary>What repair takes for its own and what it does not, without a VMM.</summary>
public sealed class RepairTests : IDisposable
{
    private readonly Scratch _scratch = new();
    private readonly EngineContext _context;
    private readonly MicroVmEngine _engine;

    public RepairTests()
    {
        _engine = new MicroVmEngine(_scratch.Paths);
        _context = new EngineContext(_scratch.Paths);
    }

    public void Dispose() => _scratch.Dispose();

    // Of a process that cannot be: its number is beyond what the kernel gives.
    private static string OfTheDead(string name) => $"{name}-4194305-1";

    [Fact]
    public void Nothing_is_found_where_nothing_is()
    {
        Assert.Empty(_engine.FindRepairs());
        Assert.Empty(Directory.GetFileSystemEntries(_scratch.Path));
    }

    [Fact]
    public async Task What_the_dead_were_making_goes_and_what_the_living_make_stays()
    {
        string vms = _scratch.Paths.MachinesDirectory;
        string snapshots = _scratch.Paths.SnapshotsDirectory;
        string id = Guid.NewGuid().ToString("N");
        Make(_context.Machines.DirectoryOf(Save("web").Id));
        string[] dead =
        [
            Make(Path.Combine(vms, OfTheDead($".staging-{id}"))),
            Make(Path.Combine(vms, $".removed-{id}")),
            Make(Path.Combine(_scratch.Paths.RunDirectory, OfTheDead(".staging-0123456789ab"))),
            Make(Path.Combine(snapshots, OfTheDead($".staging-{id}"))),
            Make(Path.Combine(snapshots, $".removed-{id}")),
            Make(Path.Combine(_scratch.Paths.ImagesDirectory, ".staging-x")),
            Write(Path.Combine(_scratch.Paths.CacheDirectory, OfTheDead("overlay.1") + ".tmp")),
            Write(Path.Combine(_context.Machines.DirectoryOf(_engine.FindMachine("web")!.Id), OfTheDead("vm.json.7") + ".tmp")),
        ];
        string[] living =
        [
            Make(Path.Combine(vms, OwnedName.Of($".staging-{id}"))),
            Make(Path.Combine(_scratch.Paths.RunDirectory, OwnedName.Of(".staging-0123456789ab"))),
            Make(Path.Combine(snapshots, OwnedName.Of($".staging-{id}"))),
            Write(Path.Combine(_scratch.Paths.CacheDirectory, OwnedName.Of("overlay.1") + ".tmp")),
        ];

        Assert.Equal(dead.Order(), _engine.FindRepairs().Select(found => found.Target).Order());
        await RepairAsync();

        Assert.All(dead, path => Assert.False(Path.Exists(path), path));
        Assert.All(living, path => Assert.True(Path.Exists(path), path));
        Assert.Empty(_engine.FindRepairs());
    }

    [Fact]
    public async Task VM_without_a_record_goes_unless_somebody_is_making_it()
    {
        Guid left = Guid.NewGuid();
        Make(_context.Machines.DirectoryOf(left));
        _context.Names.Claim("web", left);
        Guid young = Guid.NewGuid();
        using (MachineLock held = _context.Machines.MakeLocked(young, "young", "a test"))
        {
            _context.Names.Claim("young", young);

            RepairAction found = Assert.Single(_engine.FindRepairs());
            Assert.Equal((RepairKind.UnfinishedMachine, _context.Machines.DirectoryOf(left)), (found.Kind, found.Target));
            Assert.Equal(RepairResult.Done, (await RepairAsync()).Single().Result);

            Assert.Null(_context.Names.Find("web"));
            Assert.Equal(young, _context.Names.Find("young"));
            Assert.True(Directory.Exists(_context.Machines.DirectoryOf(young)));
        }
    }

    [Fact]
    public async Task What_somebody_began_to_work_on_meanwhile_is_left()
    {
        Guid id = Guid.NewGuid();
        Make(_context.Machines.DirectoryOf(id));
        RepairAction found = Assert.Single(_engine.FindRepairs());
        using (MachineLock.Acquire(_context.Machines.DirectoryOf(id), "web", "a test"))
        {
            RepairAction left = await _engine.RepairAsync(found, NullObserver.Instance, CancellationToken.None);
            Assert.Equal(RepairResult.Left, left.Result);
            Assert.Contains("a test", left.Reason, StringComparison.Ordinal);
        }

        MachineRecord record = Records.Stopped(id);
        _context.Machines.Write(record);
        Assert.Equal(RepairResult.Gone, (await _engine.RepairAsync(found, NullObserver.Instance, CancellationToken.None)).Result);
        Assert.NotNull(_context.Machines.Read(id));
    }

    [Fact]
    public async Task Names_lead_to_the_VMs_that_have_them()
    {
        MachineRecord web = Save("web");
        MachineRecord silent = Save("silent", claim: false);
        _context.Names.Claim("once", web.Id);
        _context.Names.Claim("gone", Guid.NewGuid());

        Assert.Equal(
            [(RepairKind.StaleName, "gone"), (RepairKind.StaleName, "once"), (RepairKind.MissingName, "silent")],
            _engine.FindRepairs().Select(found => (found.Kind, found.Target)).OrderBy(found => found.Target));
        await RepairAsync();

        Assert.Equal(["silent", "web"], _context.Names.All().Order());
        Assert.Equal(silent.Id, _context.Names.Find("silent"));
        Assert.Empty(_engine.FindRepairs());
    }

    [Fact]
    public async Task Disk_that_is_not_the_VMs_goes_and_the_VMs_own_stays()
    {
        MachineRecord record = Save("web");
        string own = Write(Path.Combine(_context.Machines.DirectoryOf(record.Id), record.OverlayDisk!));
        string other = Write(Path.Combine(_context.Machines.DirectoryOf(record.Id), "overlay-0011.raw"));

        Assert.Equal(RepairResult.Done, Assert.Single(await RepairAsync()).Result);

        Assert.True(File.Exists(own));
        Assert.False(File.Exists(other));
    }

    [Fact]
    public async Task Disk_that_a_process_has_locked_is_left()
    {
        MachineRecord record = Save("web");
        Write(Path.Combine(_context.Machines.DirectoryOf(record.Id), record.OverlayDisk!));
        string other = Write(Path.Combine(_context.Machines.DirectoryOf(record.Id), "overlay-0011.raw"));
        using SafeFileHandle held = Descriptors.OpenUnlocked(other);
        Assert.True(FileLock.TryLock(held));

        Assert.Equal(RepairResult.Left, Assert.Single(await RepairAsync()).Result);
        Assert.True(File.Exists(other));
    }

    [Fact]
    public async Task Run_directory_that_does_not_prove_whose_it_is_is_left_with_what_runs_in_it()
    {
        string nobodys = Make(Path.Combine(_scratch.Paths.RunDirectory, "0123456789ab"));
        string elsewhere = Make(Path.Combine(_scratch.Paths.RunDirectory, "ba9876543210"));
        File.CreateSymbolicLink(Path.Combine(elsewhere, "owner"), $"/elsewhere/vms/{Guid.NewGuid():N}");
        Make(Path.Combine(_scratch.Paths.RunDirectory, "keeper"));
        int process = Start(nobodys);
        ProcessIdentity identity = ProcessIdentity.Of(process)!;
        try
        {
            IReadOnlyList<RepairAction> done = await RepairAsync();

            Assert.Equal([nobodys, elsewhere], done.Select(one => one.Target).Order());
            Assert.All(done, one => Assert.Equal((RepairKind.OrphanedRun, RepairResult.Left), (one.Kind, one.Result)));
            Assert.True(identity.IsAlive);
            Assert.True(Directory.Exists(nobodys));
        }
        finally
        {
            ProcessSpawn.KillAndReap(process);
        }
    }

    [Fact]
    public async Task Process_in_the_run_directory_of_a_VM_that_is_gone_is_ended()
    {
        string run = _context.Runs.Make(Guid.NewGuid());
        string other = _context.Runs.Make(Save("web").Id);
        int process = Start(run);
        int bystander = Start(_scratch.Path);
        ProcessIdentity identity = ProcessIdentity.Of(process)!;
        ProcessIdentity unharmed = ProcessIdentity.Of(bystander)!;
        try
        {
            Assert.All(await RepairAsync(), one => Assert.Equal((RepairKind.OrphanedRun, RepairResult.Done), (one.Kind, one.Result)));

            Assert.False(identity.IsAlive);
            Assert.True(unharmed.IsAlive);
            Assert.False(Directory.Exists(run));
            Assert.False(Directory.Exists(other));
        }
        finally
        {
            ProcessSpawn.KillAndReap(process);
            ProcessSpawn.KillAndReap(bystander);
        }
    }

    [Fact]
    public async Task Damaged_record_is_reported_and_nothing_of_its_VM_is_touched()
    {
        MachineRecord record = Save("web");
        string directory = _context.Machines.DirectoryOf(record.Id);
        Write(Path.Combine(directory, "overlay-0011.raw"));
        string run = _context.Runs.Make(record.Id);
        File.WriteAllText(Path.Combine(directory, "vm.json"), "{");

        RepairAction found = Assert.Single(await RepairAsync());

        Assert.Equal((RepairKind.DamagedRecord, RepairResult.Left, "web"), (found.Kind, found.Result, found.Target));
        Assert.True(File.Exists(Path.Combine(directory, "overlay-0011.raw")));
        Assert.True(Directory.Exists(run));
    }

    [Fact]
    public async Task Two_repairs_at_once_do_it_once()
    {
        for (int round = 0; round < 20; round++)
        {
            for (int i = 0; i < 5; i++)
            {
                Make(_context.Machines.DirectoryOf(Guid.NewGuid()));
                Make(Path.Combine(_scratch.Paths.MachinesDirectory, $".removed-{Guid.NewGuid():N}"));
                _context.Names.Claim($"gone-{i}", Guid.NewGuid());
                _context.Runs.Make(Guid.NewGuid());
            }

            RepairAction[] found = [.. _engine.FindRepairs()];
            Assert.Equal(20, found.Length);
            RepairAction[][] done = await Task.WhenAll(Enumerable.Range(0, 2).Select(_ => Task.Run(async () =>
                await Task.WhenAll(found.Select(one => new MicroVmEngine(_scratch.Paths).RepairAsync(one, NullObserver.Instance, CancellationToken.None))))));

            // Each was put right by one of them, if the lock of the other has not kept it from all.
            Assert.Equal(2, done.Length);
            // Whom the lock of the other has kept from it looks again.
            await RepairAsync();
            Assert.Empty(_engine.FindRepairs());
        }
    }

    private static string Make(string directory)
    {
        MachineStore.MakeDirectory(directory);
        return directory;
    }

    private static string Write(string path)
    {
        MachineStore.MakeDirectory(Path.GetDirectoryName(path)!);
        File.WriteAllText(path, "content");
        return path;
    }

    private static int Start(string runDirectory)
    {
        using SafeFileHandle nothing = File.OpenHandle("/dev/null", FileMode.Open, FileAccess.ReadWrite, FileShare.ReadWrite);
        return ProcessSpawn.Spawn(
            ProgramFinder.Find("sleep")!, ["sleep", "1000"], [$"TMPDIR={RunDirectories.ScratchIn(runDirectory)}"], [nothing, nothing, nothing]);
    }

    private MachineRecord Save(string name, bool claim = true)
    {
        MachineRecord record = Records.Stopped(Guid.NewGuid(), name);
        MachineStore.MakeDirectory(_context.Machines.DirectoryOf(record.Id));
        _context.Machines.Write(record);
        if (claim)
        {
            _context.Names.Claim(name, record.Id);
        }

        return record;
    }

    private async Task<IReadOnlyList<RepairAction>> RepairAsync()
    {
        List<RepairAction> done = [];
        foreach (RepairAction found in _engine.FindRepairs())
        {
            done.Add(await _engine.RepairAsync(found, NullObserver.Instance, CancellationToken.None));
        }

        return done;
    }
}
