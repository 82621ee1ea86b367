using System.Diagnostics;
using System.Reflection;
using MicroVm.Engine.Errors;
using MicroVm.Engine.Machines;
using MicroVm.Engine.Native;
using MicroVm.Engine.Snapshots;
using MicroVm.Engine.State;
using MicroVm.Engine.Tests.Support;

namespace MicroVm.Engine.Tests.Faults;

/// <summary>Each verb at each of its steps: it fails there, the disk is full there, it is cancelled there, its process is killed there.</summary>
public sealed class FailpointTests(FaultHome home) : IClassFixture<FaultHome>, IDisposable
{
    private const int NoSpace = 28;

    public static TheoryData<string> Verbs => [.. FaultVerbs.Steps.Keys];

    public static TheoryData<string, string> Steps
    {
        get
        {
            TheoryData<string, string> data = [];
            foreach ((string verb, string[] points) in FaultVerbs.Steps)
            {
                foreach (string point in points)
                {
                    data.Add(verb, point);
                }
            }

            return data;
        }
    }

    // Whatever these were at, they take back; the others are through with what cannot be taken back.
    private static readonly string[] s_undone = ["create", "start", "clone", "save", "suspend", "resume", "publish"];

    public void Dispose() => home.Reset();

    [Fact]
    public void Every_point_is_a_step_of_a_verb() => Assert.Equal(
        typeof(Failpoints).GetFields(BindingFlags.Public | BindingFlags.Static).Select(field => (string)field.GetRawConstantValue()!)
            .Where(point => FaultVerbs.HasNetwork || !(point == Failpoints.ClaimSlots || point.Contains("publish", StringComparison.Ordinal)))
            // A guest has its part in these, and those here do nothing: see HotPlugTests.
            .Where(point => !point.StartsWith("interface.", StringComparison.Ordinal))
            .Order(),
        FaultVerbs.Steps.Values.SelectMany(steps => steps).Distinct().Order());

    [QemuTheory]
    [MemberData(nameof(Verbs))]
    public async Task Verb_takes_its_steps_in_order_and_leaves_nothing_to_repair(string verb)
    {
        Guid subject = await home.PrepareAsync(verb);
        List<string> reached = [];
        using (FaultScope scope = new(reached.Add))
        {
            await FaultVerbs.RunAsync(home.Engine, verb, subject, home.Path, NullObserver.Instance, CancellationToken.None);
        }

        Assert.Equal(FaultVerbs.Steps[verb], reached);
        Assert.Empty(home.Engine.FindRepairs());
        await home.AssertListedAsItIsAsync();
        await home.AssertNothingLeftAsync();
    }

    [QemuTheory]
    [MemberData(nameof(Steps))]
    public async Task Failure_at_a_step_leaves_nothing_that_is_not_listed(string verb, string point)
    {
        await FailAsync(verb, point, () => throw new InvalidOperationException("A test made it fail."));
    }

    [QemuTheory]
    [MemberData(nameof(Steps))]
    public async Task Full_disk_at_a_step_leaves_nothing_that_is_not_listed(string verb, string point)
    {
        await FailAsync(verb, point, () => throw new IOException("A test filled the disk.", NoSpace));
    }

    [QemuTheory]
    [MemberData(nameof(Steps))]
    public async Task Cancelling_at_a_step_leaves_nothing_that_is_not_listed(string verb, string point)
    {
        Guid subject = await home.PrepareAsync(verb);
        using CancellationTokenSource source = new();
        bool cancelled = false;
        try
        {
            using FaultScope scope = new(reached =>
            {
                if (reached == point)
                {
                    source.Cancel();
                }
            });
            await FaultVerbs.RunAsync(home.Engine, verb, subject, home.Path, NullObserver.Instance, source.Token);
        }
        catch (OperationCanceledException)
        {
            cancelled = true;
        }

        Assert.True(source.IsCancellationRequested);
        // Cancelled, it is as if it had not been; else it went through. Neither leaves anything to repair.
        Assert.Empty(home.Engine.FindRepairs());
        if (verb is "create" or "clone")
        {
            Assert.Equal(cancelled, home.Engine.FindMachine(FaultVerbs.Subject) is null);
        }

        await home.AssertListedAsItIsAsync();
        await home.AssertNothingLeftAsync();
    }

    [QemuTheory]
    [MemberData(nameof(Steps))]
    public async Task Kill_at_a_step_leaves_what_is_listed_and_what_repair_finds(string verb, string point)
    {
        await KillAsync(verb, point);
        await home.AssertListedAsItIsAsync();

        await home.RepairAsync();

        await home.AssertListedAsItIsAsync();
        Assert.DoesNotContain(home.Engine.GetMachines(), machine => machine.StatusDetail == UnfinishedMachine.Detail);
        Assert.DoesNotContain(home.Engine.GetMachines(), machine => machine.State == VmState.Unknown);
        await home.AssertNothingLeftAsync();
    }

    [QemuTheory]
    [Trait("Category", "Soak")]
    [MemberData(nameof(Steps))]
    public async Task Kill_at_a_step_is_healed_by_the_verbs_themselves(string verb, string point)
    {
        Guid subject = await KillAsync(verb, point);
        VirtualMachine? machine = home.Engine.FindMachine(FaultVerbs.Subject);
        if (verb is "create" or "clone" && machine is null or { StatusDetail: UnfinishedMachine.Detail })
        {
            // The name is to be had.
            await FaultVerbs.RunAsync(home.Engine, verb, subject, home.Path, NullObserver.Instance, CancellationToken.None);
            machine = home.Engine.FindMachine(FaultVerbs.Subject)!;
        }

        if (machine is not null)
        {
            await WorksAsync(machine.Id);
        }

        await home.AssertListedAsItIsAsync();
        await home.RepairAsync();
        await home.AssertNothingLeftAsync();
    }

    [QemuFact]
    public async Task VMM_that_nobody_recorded_and_that_hangs_is_ended()
    {
        const int Stop = 19;
        await KillAsync("create", Failpoints.LaunchConnected);
        Scratch.RunningProgram orphan = Assert.Single(Scratch.ProgramsOf(home.Path));
        using (ProcessDescriptor process = ProcessDescriptor.TryOpen(orphan.ProcessId)!)
        {
            process.Signal(Stop);
        }

        await home.RepairAsync();

        Assert.Empty(Scratch.ProgramsOf(home.Path));
        Assert.Empty(home.Engine.GetMachines());
        await home.AssertNothingLeftAsync();
    }

    [QemuTheory]
    [InlineData("create", Failpoints.LaunchConnected)]
    [InlineData("clone", Failpoints.RestoreLoaded)]
    public async Task What_was_never_finished_cannot_be_started_and_keeps_no_name(string verb, string point)
    {
        Guid subject = await KillAsync(verb, point);
        VirtualMachine unfinished = home.Engine.FindMachine(FaultVerbs.Subject)!;
        Assert.Equal((VmState.Failed, UnfinishedMachine.Detail), (unfinished.State, unfinished.StatusDetail));

        MicroVmException refused = await Assert.ThrowsAsync<MicroVmException>(
            () => home.Engine.StartAsync(unfinished.Id, NullObserver.Instance, CancellationToken.None));
        await FaultVerbs.RunAsync(home.Engine, verb, subject, home.Path, NullObserver.Instance, CancellationToken.None);

        Assert.Equal(ErrorIds.InvalidMicroVmState, refused.ErrorId);
        VirtualMachine made = Assert.Single(home.Engine.GetMachines());
        Assert.NotEqual(unfinished.Id, made.Id);
        Assert.Equal(VmState.Running, made.State);
        Assert.Single(Scratch.ProgramsOf(home.Path));
        Assert.Empty(home.Engine.FindRepairs());
        await home.AssertNothingLeftAsync();
    }

    [QemuTheory]
    [InlineData(Failpoints.SavePaused)]
    [InlineData(Failpoints.SaveDisk)]
    public async Task Guest_of_a_save_that_was_killed_goes_on(string point)
    {
        await KillAsync("save", point);
        VirtualMachine machine = home.Engine.FindMachine(FaultVerbs.Subject)!;
        Assert.Equal(VmState.Unknown, machine.State);

        await home.RepairAsync();

        Assert.Equal(VmState.Running, home.Engine.FindMachine(machine.Id)!.State);
        await home.AssertListedAsItIsAsync();
        await home.AssertNothingLeftAsync();
    }

    // Everything one does with a VM, whatever state it is in.
    private async Task WorksAsync(Guid id)
    {
        MicroVmEngine engine = home.Engine;
        if (engine.FindMachine(id)!.State is VmState.Stopped or VmState.Failed)
        {
            await engine.StartAsync(id, NullObserver.Instance, CancellationToken.None);
        }

        Snapshot snapshot = await engine.SaveSnapshotAsync(id, "after", null, NullObserver.Instance, CancellationToken.None);
        VirtualMachine restored = await engine.RestoreAsync(snapshot.SnapshotId, new RestoreOptions(), NullObserver.Instance, CancellationToken.None);
        Assert.Equal(VmState.Running, restored.State);
        Assert.Equal(VmState.Paused, (await engine.SuspendAsync(id, NullObserver.Instance, CancellationToken.None)).State);
        Assert.Equal(VmState.Running, (await engine.ResumeAsync(id, NullObserver.Instance, CancellationToken.None)).State);
        Assert.Equal(VmState.Stopped, (await engine.StopAsync(id, StopMode.TurnOff, TimeSpan.Zero, NullObserver.Instance, CancellationToken.None)).State);
        await engine.RemoveAsync(id, force: false, NullObserver.Instance, CancellationToken.None);
        Assert.Null(engine.FindMachine(id));
    }

    private async Task FailAsync(string verb, string point, Action fail)
    {
        Guid subject = await home.PrepareAsync(verb);
        RecordingObserver observer = new();
        using (FaultScope scope = new(reached =>
        {
            if (reached == point)
            {
                fail();
            }
        }))
        {
            await Assert.ThrowsAnyAsync<Exception>(() => FaultVerbs.RunAsync(home.Engine, verb, subject, home.Path, observer, CancellationToken.None));
        }

        Assert.DoesNotContain(observer.Warnings, warning => warning.StartsWith("Left behind", StringComparison.Ordinal));
        await home.AssertListedAsItIsAsync();
        IReadOnlyList<RepairAction> repaired = await home.RepairAsync();
        if (s_undone.Contains(verb))
        {
            Assert.Empty(repaired);
            Assert.Equal(verb is "create" or "clone", home.Engine.FindMachine(FaultVerbs.Subject) is null);
            Assert.DoesNotContain(home.Engine.GetSnapshots(), snapshot => snapshot.Name == FaultVerbs.Subject);
        }

        await home.AssertListedAsItIsAsync();
        await home.AssertNothingLeftAsync();
    }

    private async Task<Guid> KillAsync(string verb, string point)
    {
        Guid subject = await home.PrepareAsync(verb);
        using Process other = OtherEngine.Start("fault", home.Path, home.NetworkPath, verb, subject.ToString(), point);
        await other.WaitForExitAsync().Within("the other process to die");
        Assert.Equal(128 + Signals.Kill, other.ExitCode);
        home.AwaitLinks();
        return subject;
    }
}
