using MicroVm.Engine.Machines;
using MicroVm.Engine.Native;
using MicroVm.Engine.State;
using MicroVm.Engine.Tests.Support;

namespace MicroVm.Engine.Tests.Faults;

/// <summary>The verbs that change something, and the steps each takes.</summary>
internal static class FaultVerbs
{
    /// <summary>The name of whatever a verb makes.</summary>
    public const string Subject = "subject";

    /// <summary>The bridge of the verb that makes a VM on one.</summary>
    public const string Bridge = "br7";

    /// <summary>Whether the VMs have a network, with ports that are published.</summary>
    public static bool HasNetwork { get; } = Host.WhyNoNetwork is null && ProgramFinder.Find("nft") is not null;

    private static readonly string[] s_claim =
    [
        Failpoints.ClaimLocked, Failpoints.ClaimPlaced, .. HasNetwork ? (string[])[Failpoints.ClaimSlots] : [], Failpoints.ClaimNamed,
    ];

    private static readonly string[] s_links = [Failpoints.LinksRaised, Failpoints.LinksAttached];

    private static readonly string[] s_launch =
    [
        Failpoints.LaunchOwned, Failpoints.LaunchPlaced, Failpoints.LaunchPending, Failpoints.LaunchSpawned, Failpoints.LaunchWatched, Failpoints.LaunchConnected,
    ];

    /// <summary>Each verb's steps, in the order in which they are taken.</summary>
    public static IReadOnlyDictionary<string, string[]> Steps { get; } = new Dictionary<string, string[]>
    {
        ["create"] = [.. s_claim, Failpoints.CreateDisk, Failpoints.CreateConfiguration, .. s_links, .. s_launch, Failpoints.BootRecorded],
        ["start"] = [.. s_links, .. s_launch, Failpoints.BootRecorded],
        ["suspend"] = [Failpoints.PauseTold, Failpoints.PauseRecorded],
        ["resume"] = [Failpoints.PauseTold, Failpoints.PauseRecorded],
        ["save"] =
        [
            Failpoints.SaveStaged, Failpoints.SaveMemoryBase, Failpoints.SaveDiskBase, Failpoints.SavePaused, Failpoints.SaveMemory, Failpoints.SaveDevices,
            Failpoints.SaveDisk, Failpoints.SaveResumed, Failpoints.SaveDigests, Failpoints.SaveSynced, Failpoints.SavePublished,
        ],
        ["clone"] =
        [
            .. s_claim, Failpoints.RestoreDisk, Failpoints.LinksRaised, .. s_launch, Failpoints.RestoreLoaded, Failpoints.LinksAttached, Failpoints.RestoreResumed,
            Failpoints.RestoreRecorded, Failpoints.RestoreFixed,
        ],
        ["restore"] =
        [
            Failpoints.RestoreDisk, Failpoints.LinksRaised, .. s_launch, Failpoints.RestoreLoaded, Failpoints.RestoreEnded, Failpoints.LinksAttached,
            Failpoints.RestoreResumed, Failpoints.RestoreRecorded, Failpoints.RestoreTidied, Failpoints.RestoreFixed,
        ],
        ["stop"] = [Failpoints.StopAsked, Failpoints.StopMarked, Failpoints.StopEnded, Failpoints.StopRecorded],
        ["remove"] = [Failpoints.RemoveEnded, Failpoints.RemoveHidden, Failpoints.RemoveDeleted, Failpoints.RemoveReleased, Failpoints.RemoveNetwork],
        ["remove-snapshot"] = [Failpoints.SnapshotHidden, Failpoints.SnapshotDeleted],
        ["publish"] = [Failpoints.PublishClaimed, Failpoints.PublishOpened],
        ["unpublish"] = [Failpoints.UnpublishRecorded],
    }.Where(verb => HasNetwork || !verb.Key.EndsWith("publish", StringComparison.Ordinal)).ToDictionary();

    /// <summary>A VM that nobody needs long: no agent, a disk and a guest that halts.</summary>
    public static VirtualMachineSpec Spec(string home) => new()
    {
        Name = Subject,
        KernelPath = KernelIn(home),
        MemoryBytes = 32L << 20,
        DiskBytes = 16L << 20,
        Accelerator = AcceleratorKind.Tcg,
        Hostname = Subject,
        Interfaces = HasNetwork ? [new NetworkInterfaceSpec { Mode = NetworkMode.Nat }] : [],
        PublishedPorts = HasNetwork ? [new PublishedPort("127.0.0.1", 8080, 80)] : [],
        // Rules of its own, so that there is a chain of its own.
        Egress = HasNetwork ? EgressPolicy.TryParse(["Allow tcp 203.0.113.2:80"]) : null,
    };

    /// <summary>The same without a network, for engines whose host is this machine.</summary>
    public static VirtualMachineSpec SpecWithoutNetwork(string home) => Spec(home) with { Interfaces = [], PublishedPorts = [], Egress = null };

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
        "clone" => engine.RestoreAsync(subject, new RestoreOptions { NewName = Subject, PublishedPorts = HasNetwork ? [new PublishedPort("0.0.0.0", 8081, 80)] : null }, observer, cancellationToken),
        "restore" => engine.RestoreAsync(subject, new RestoreOptions(), observer, cancellationToken),
        // The guest does not listen, so it is asked once and then ended.
        "stop" => engine.StopAsync(subject, StopMode.GracefulThenForce, TimeSpan.FromMilliseconds(1), observer, cancellationToken),
        "remove" => engine.RemoveAsync(subject, force: true, observer, cancellationToken),
        "remove-snapshot" => engine.RemoveSnapshotAsync(subject, force: true, cancellationToken),
        "create-user" => engine.CreateAsync(
            Spec(home) with { Interfaces = [new NetworkInterfaceSpec { Mode = NetworkMode.User }], Egress = null }, start: true, observer, cancellationToken),
        "create-bridge" => engine.CreateAsync(
            Spec(home) with { Interfaces = [new NetworkInterfaceSpec { Mode = NetworkMode.Bridge, Name = Bridge }], PublishedPorts = [], Egress = null },
            start: true,
            observer,
            cancellationToken),
        "publish" => engine.PublishAsync(subject, [new PublishedPort("127.0.0.1", 8082, 80), new PublishedPort("127.0.0.1", 0, 81, PortProtocol.Udp)], observer, cancellationToken),
        "unpublish" => engine.UnpublishAsync(subject, null, null, cancellationToken),
        _ => throw new ArgumentOutOfRangeException(nameof(verb), verb, null),
    };
}
