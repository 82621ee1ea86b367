using MicroVm.Engine.Machines;
using MicroVm.Engine.Native;
using MicroVm.Engine.Network;
using MicroVm.Engine.Snapshots;
using MicroVm.Engine.Tests.Network;
using MicroVm.Engine.Tests.Support;

namespace MicroVm.Engine.Tests.RealQemu;

/// <summary>A test with guests in QEMU on a network of the test's own.</summary>
internal sealed class GuestNetworkFactAttribute : FactAttribute
{
    public GuestNetworkFactAttribute(params string[] others)
    {
        Skip = WhyNot(others);
        Timeout = 180_000;
    }

    /// <summary>Why there can be no such test here, or null.</summary>
    public static string? WhyNot(params string[] others)
    {
        string? missing = ((string[])["nft", .. others]).FirstOrDefault(name => ProgramFinder.Find(name) is null);
        return Host.WhyNoQemu ?? Host.WhyNoNetwork ?? (missing is null ? null : $"{missing} is not installed.");
    }
}

/// <summary>As <see cref="GuestNetworkFactAttribute"/>, once for each of its data.</summary>
internal sealed class GuestNetworkTheoryAttribute : TheoryAttribute
{
    public GuestNetworkTheoryAttribute()
    {
        Skip = new GuestNetworkFactAttribute().Skip;
        Timeout = 180_000;
    }
}

/// <summary>A home whose host is a namespace with a world around it; see <see cref="FirewallWorld"/>.</summary>
public sealed class NetworkHome : IAsyncLifetime
{
    private readonly Scratch _scratch = new();
    private NameSource? _names;
    private Guid? _web;

    /// <summary>What the tests' guests are: as small as the image allows.</summary>
    public static VirtualMachineSpec Small { get; } = new()
    {
        MemoryBytes = 112L << 20,
        DiskBytes = 16L << 20,
        Interfaces = [new NetworkInterfaceSpec { Mode = NetworkMode.Nat }],
    };

    /// <summary>A snapshot of the guest that serves; there as soon as that is.</summary>
    public Snapshot Golden { get; private set; } = null!;

    public MicroVmEngine Engine { get; private set; } = null!;

    internal EngineContext Context { get; private set; } = null!;

    internal FirewallWorld World { get; private set; } = null!;

    /// <summary>The host's name server, in a private network: every name is the world's address.</summary>
    internal NameSource Names => _names!;

    public async Task InitializeAsync()
    {
        if (new GuestNetworkFactAttribute().Skip is not null)
        {
            return;
        }

        World = new FirewallWorld();
        _names = new NameSource(World.World, FirewallWorld.Private, System.Net.IPAddress.Parse(FirewallWorld.WorldAddress));
        await File.WriteAllTextAsync(_scratch.File("resolv.conf"), $"nameserver {FirewallWorld.Private}\n");
        Context = new EngineContext(_scratch.Paths, hostNetwork: World.Host.Network) { ResolverFile = _scratch.File("resolv.conf") };
        Engine = new MicroVmEngine(Context);
        await QemuHome.LinkImagesAsync(_scratch.Paths);
    }

    public async Task DisposeAsync()
    {
        try
        {
            if (World is not null)
            {
                await RemoveAllAsync(_ => true);
                foreach (Snapshot snapshot in Engine.GetSnapshots().ToArray())
                {
                    await Engine.RemoveSnapshotAsync(snapshot.SnapshotId, force: true, CancellationToken.None);
                }

                AssertNothingLeft();
            }
        }
        finally
        {
            _scratch.Dispose();
            _names?.Dispose();
            World?.Dispose();
        }
    }

    /// <summary>A guest on Nat that serves, publishes ports (see <see cref="NatTests"/>), and is the same for all tests: whoever changes it puts it back.</summary>
    public async Task<VirtualMachine> WebAsync()
    {
        if (_web is not { } id)
        {
            VirtualMachine made = await BootAsync(Small with
            {
                Name = "web",
                PublishedPorts = [.. ((string[])["8080:80", "0.0.0.0:8081:80", "0.0.0.0:8082:82", "8007:7/udp", "0.0.0.0:8008:7/udp", "[::]:8081:80"]).Select(port => PublishedPort.TryParse(port)!)],
            });
            await new NetworkGuest(Engine, made).ServeAsync();
            _web = id = made.Id;
            Golden = await Engine.SaveSnapshotAsync(made.Id, "golden", null, NullObserver.Instance, CancellationToken.None);
        }

        return Engine.FindMachine(id)!;
    }

    /// <summary>A clone of it.</summary>
    public async Task<VirtualMachine> CloneAsync(string name, IOperationObserver? observer = null, params string[] ports)
    {
        await WebAsync();
        RestoreOptions options = new() { NewName = name, PublishedPorts = ports.Length == 0 ? null : [.. ports.Select(port => PublishedPort.TryParse(port)!)] };
        return await Engine.RestoreAsync(Golden.SnapshotId, options, observer ?? NullObserver.Instance, CancellationToken.None);
    }

    /// <summary>Makes a VM of the base image and waits until its agent answers.</summary>
    public async Task<VirtualMachine> BootAsync(VirtualMachineSpec spec)
    {
        VirtualMachine machine = await Engine.CreateAsync(spec, start: true, NullObserver.Instance, CancellationToken.None);
        return await Engine.WaitAgentAsync(machine.Id, TimeSpan.FromSeconds(90), NullObserver.Instance, CancellationToken.None);
    }

    /// <summary>Removes VMs, running or not.</summary>
    public async Task RemoveAllAsync(Func<VirtualMachine, bool> which)
    {
        foreach (VirtualMachine machine in Engine.GetMachines().Where(which).ToArray())
        {
            await Engine.RemoveAsync(machine.Id, force: true, NullObserver.Instance, CancellationToken.None);
        }
    }

    /// <summary>The devices of the host that are links of VMs.</summary>
    public IReadOnlyList<string> Links() => World.Do(sockets => HostRoutes.Devices(sockets).Values
        .Where(name => name.StartsWith(SlotConstants.LinkPrefix, StringComparison.Ordinal) || name.StartsWith(BridgePort.LinkPrefix, StringComparison.Ordinal)).ToArray());

    /// <summary>Fails unless the host is as before the first VM, its table aside. Links go a moment after their VMM.</summary>
    public void AssertNothingLeft()
    {
        Assert.True(SpinWait.SpinUntil(() => Links().Count == 0, Limits.Generous), $"Links are left: {string.Join(", ", Links())}");
        FirewallContents contents = World.List();
        Assert.Empty(contents.Links);
        Assert.Empty(contents.Ports);
        Assert.Empty(contents.PolicyChains);
        Assert.Empty(Context.Slots.All());
        Assert.Empty(Context.Ports.All());
        Assert.Empty(Engine.FindRepairs());
    }
}
