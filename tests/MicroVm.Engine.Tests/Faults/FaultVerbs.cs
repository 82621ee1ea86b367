using MicroVm.Engine.Machines;
using MicroVm.Engine.State;

namespace MicroVm.Engine.Tests.Faults;

/// <summary>The verbs that change something, and the steps each takes.</summary>
internal static class FaultVerbs
{
    /// <summary>The name of whatever a verb makes.</summary>
    public const string Subject = "subject";

    private static readonly string[] s_claim = [Failpoints.ClaimLocked, Failpoints.ClaimPlaced, Failpoints.ClaimNamed];

    private static readonly string[] s_launch =
    [
        Failpoints.LaunchOwned, Failpoints.LaunchPlaced, Failpoints.LaunchPending, Failpoints.LaunchSpawned, Failpoints.LaunchWatched, Failpoints.LaunchConnected,
    ];

    /// <summary>Each verb's steps, in the order in which they are taken.</summary>
    public static IReadOnlyDictionary<string, string[]> Steps { get; } = new Dictionary<string, string[]>
    {
        ["create"] = [.. s_claim, Failpoints.CreateDisk, Failpoints.CreateConfiguration, .. s_launch, Failpoints.BootRecorded],
        ["start"] = [.. s_launch, Failpoints.BootRecorded],
        ["suspend"] = [Failpoints.PauseTold, Failpoints.PauseRecorded],
        ["resume"] = [Failpoints.PauseTold, Failpoints.PauseRecorded],
        ["save"] =
        [
            Failpoints.SaveStaged, Failpoints.SaveMemoryBase, Failpoints.SaveDiskBase, Failpoints.SavePaused, Failpoints.SaveMemory, Failpoints.SaveDevices,
            Failpoints.SaveDisk, Failpoints.SaveResumed, Failpoints.SaveDigests, Failpoints.SaveSynced, Failpoints.SavePublished,
        ],
        ["clone"] =
        [
            .. s_claim, Failpoints.RestoreDisk, .. s_launch, Failpoints.RestoreLoaded, Failpoints.RestoreResumed, Failpoints.RestoreRecorded, Failpoints.RestoreFixed,
        ],
        ["restore"] =
        [
            Failpoints.RestoreDisk, .. s_launch, Failpoints.RestoreLoaded, Failpoints.RestoreEnded, Failpoints.RestoreResumed, Failpoints.RestoreRecorded,
            Failpoints.RestoreTidied, Failpoints.RestoreFixed,
        ],
        ["stop"] = [Failpoints.StopAsked, Failpoints.StopMarked, Failpoints.StopEnded, Failpoints.StopRecorded],
        ["remove"] = [Failpoints.RemoveEnded, Failpoints.RemoveHidden, Failpoints.RemoveDeleted, Failpoints.RemoveReleased],
        ["remove-snapshot"] = [Failpoints.SnapshotHidden, Failpoints.SnapshotDeleted],
    };

    /// <summary>A VM that nobody needs long: no agent, a disk and a guest that halts.</summary>
    public static VirtualMachineSpec Spec(string home) => new()
    {
        Name = Subject,
        KernelPath = KernelIn(home),
        MemoryBytes = 32L << 20,
        DiskBytes = 16L << 20,
        Accelerator = AcceleratorKind.Tcg,
        Hostname = Subject,
    };

    /// <summary>Where a home has its kernel.</summary>
    public static string KernelIn(string home) => Path.Combine(home, "kernel");

    /// <summary>Runs a verb once.</summary>
    /// <param name="engine">The engine.</param>
    /// <param name="verb">The verb.</param>
    /// <param name="subject">The VM or snapshot it is about.</param>
    /// <param name="home">Where the kernel is.</param>
    /// <param name="observer">Hears of it.</param>
    /// <param name="cancellationToken">Cancels it.</param>
    public static Task RunAsync(
        MicroVmEngine engine, string verb, Guid subject, string home, IOperationObserver observer, CancellationToken cancellationToken) => verb switch
    {
        "create" => engine.CreateAsync(Spec(home), start: true, observer, cancellationToken),
        "start" => engine.StartAsync(subject, observer, cancellationToken),
        "suspend" => engine.SuspendAsync(subject, observer, cancellationToken),
        "resume" => engine.ResumeAsync(subject, observer, cancellationToken),
        "save" => engine.SaveSnapshotAsync(subject, Subject, null, observer, cancellationToken),
        "clone" => engine.RestoreAsync(subject, new RestoreOptions { NewName = Subject }, observer, cancellationToken),
        "restore" => engine.RestoreAsync(subject, new RestoreOptions(), observer, cancellationToken),
        // The guest does not listen, so it is asked once and then ended.
        "stop" => engine.StopAsync(subject, StopMode.GracefulThenForce, TimeSpan.FromMilliseconds(1), observer, cancellationToken),
        "remove" => engine.RemoveAsync(subject, force: true, observer, cancellationToken),
        "remove-snapshot" => engine.RemoveSnapshotAsync(subject, force: true, cancellationToken),
        _ => throw new ArgumentOutOfRangeException(nameof(verb), verb, null),
    };
}
