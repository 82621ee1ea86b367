using MicroVm.Engine.Hosts;
using MicroVm.Engine.Isolation;
using MicroVm.Engine.Keeper;
using MicroVm.Engine.Machines;
using MicroVm.Engine.Native;
using MicroVm.Engine.State;
using MicroVm.Engine.Tests.State;
using MicroVm.Engine.Tests.Support;

namespace MicroVm.Engine.Tests.Keeper;

/// <summary>Keepers that are processes: this assembly, run as a program.</summary>
public sealed class KeeperStarterTests : IDisposable
{
    private readonly Scratch _scratch = new();
    private readonly TestProcess _vmm = TestProcess.Sleeper();
    private readonly EngineContext _context;

    public KeeperStarterTests()
    {
        _context = new EngineContext(_scratch.Paths);
        Guid id = Guid.NewGuid();
        MachineStore.MakeDirectory(_context.Machines.DirectoryOf(id));
        _context.Machines.Write(Records.Running(id, _vmm.Identity));
        File.WriteAllText(Module, "");
    }

    private string Module => _scratch.File("module");

    public void Dispose()
    {
        _vmm.Dispose();
        // Ends the keeper too, whose command line has the path.
        _scratch.Dispose();
    }

    [Fact]
    public async Task One_is_started_stays_and_is_replaced_when_it_was_killed()
    {
        KeeperStarter starter = Starter();
        Assert.Null(starter.Ensure());
        ProcessIdentity first = Keeper();
        Assert.Null(Starter().Ensure());
        Assert.Equal(first, Keeper());

        using (ProcessDescriptor process = VmmProcess.Open(first)!)
        {
            process.Signal(Signals.Kill);
            await Task.Run(() => process.WaitForEnd(Limits.Generous, CancellationToken.None));
        }

        // No zombie, and nobody's VM was harmed.
        ChildReaper.ReapEnded();
        Assert.False(first.Exists);
        Assert.True(_vmm.Identity.IsAlive);
        Assert.Equal(HostCheckStatus.Warning, KeeperCheck.Make(_context, starter).Status);
        Assert.Null(starter.Ensure());
        Assert.NotEqual(first, Keeper());
        Assert.Contains($"process {Keeper().ProcessId} ", KeeperCheck.Make(_context, starter).Detail, StringComparison.Ordinal);
    }

    [Fact]
    public void One_whose_module_is_gone_makes_room()
    {
        Assert.Null(Starter().Ensure());
        ProcessIdentity old = Keeper();
        File.Delete(Module);
        string another = _scratch.File("data/new");
        File.WriteAllText(another, "");

        Assert.Null(Starter(another).Ensure());

        Assert.False(old.IsAlive);
        Assert.NotEqual(old, Keeper());
        // A shell that still has the old one loaded leaves it alone.
        Assert.Contains("is gone", Starter().WhyNone, StringComparison.Ordinal);
        ProcessIdentity now = Keeper();
        Assert.Null(Starter().Ensure());
        Assert.Equal(now, Keeper());
    }

    [Fact]
    public void One_whose_module_was_built_anew_makes_room_once()
    {
        Assert.Null(Starter().Ensure());
        ProcessIdentity old = Keeper();
        File.WriteAllText(Module, "another");

        Assert.Null(Starter().Ensure());

        ProcessIdentity now = Keeper();
        Assert.NotEqual(old, now);
        Assert.False(old.IsAlive);
        Assert.Null(Starter().Ensure());
        Assert.Equal(now, Keeper());
    }

    [Fact]
    public void Is_a_process_of_its_own_without_files_of_ours()
    {
        Assert.Null(Starter().Ensure());
        int id = Keeper().ProcessId;

        Assert.Equal($"{id}", File.ReadAllText($"/proc/{id}/stat").Split(") ")[1].Split(' ')[3]);
        Assert.Equal(KeeperStarter.LogIn(_scratch.Paths), new FileInfo($"/proc/{id}/fd/1").LinkTarget);
        Assert.Equal("/", new FileInfo($"/proc/{id}/cwd").LinkTarget);
    }

    [Fact]
    public async Task One_that_is_not_wanted_is_not_started()
    {
        KeeperStarter none = new(_scratch.Paths, null);

        Assert.Null(none.Ensure());

        Assert.False(KeeperLock.Look(_scratch.Paths).IsHeld);
        Assert.StartsWith("None is started.", KeeperCheck.Make(_context, none).Detail, StringComparison.Ordinal);
        Errors.MicroVmException refused = await Assert.ThrowsAsync<Errors.MicroVmException>(() => new MicroVmEngine(_scratch.Paths).CreateAsync(
            new VirtualMachineSpec { Ephemeral = true }, start: false, NullObserver.Instance, CancellationToken.None));
        Assert.Equal(Errors.ErrorIds.KeeperUnavailable, refused.ErrorId);
    }

    [Fact]
    public void What_cannot_be_started_says_why()
    {
        KeeperStarter starter = new(_scratch.Paths, new KeeperCommand(_scratch.File("none"), [], Module));

        Assert.Contains("posix_spawn", starter.Ensure(), StringComparison.Ordinal);
        Assert.False(KeeperLock.Look(_scratch.Paths).IsHeld);
    }

    private KeeperStarter Starter(string? module = null) =>
        new(_scratch.Paths, new KeeperCommand(ProgramFinder.Find("dotnet")!, [typeof(KeeperStarterTests).Assembly.Location, "keeper"], module ?? Module));

    private ProcessIdentity Keeper()
    {
        (bool isHeld, KeeperNote? note) = KeeperLock.Look(_scratch.Paths);
        Assert.True(isHeld);
        Assert.True(note!.Process.IsAlive);
        return note.Process;
    }
}
