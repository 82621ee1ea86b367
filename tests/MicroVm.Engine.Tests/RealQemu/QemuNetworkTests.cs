using System.Globalization;
using MicroVm.Engine.Machines;
using MicroVm.Engine.Tests.Network;
using MicroVm.Engine.Tests.Support;

namespace MicroVm.Engine.Tests.RealQemu;

/// <summary>The tests that share a home with a network run one after the other.</summary>
[CollectionDefinition(Name)]
public sealed class QemuNetworkGroup : ICollectionFixture<NetworkHome>
{
    public const string Name = "QEMU with networks";
}

/// <summary>Tests with guests on a network; after each one all VMs are removed but the one that all share.</summary>
[Collection(QemuNetworkGroup.Name)]
public abstract class QemuNetworkTests(NetworkHome home) : IAsyncLifetime
{
    protected NetworkHome Home { get; } = home;

    protected MicroVmEngine Engine => Home.Engine;

    protected static IOperationObserver Silent => NullObserver.Instance;

    internal FirewallWorld World => Home.World;

    internal TestNamespace Host => World.Host;

    internal TestNamespace Far => World.Far;

    public Task InitializeAsync() => Task.CompletedTask;

    public Task DisposeAsync() => Home.World is null ? Task.CompletedTask : Home.RemoveAllAsync(machine => machine.Name != "web");

    protected VirtualMachine Now(VirtualMachine machine) => Engine.FindMachine(machine.Id)!;

    internal NetworkGuest GuestOf(VirtualMachine machine) => new(Engine, machine);

    // Those in the host's namespace; other tests have theirs.
    internal int Passts()
    {
        string home = Path.GetFileName(new FileInfo($"/proc/self/fd/{Host.File.DangerousGetHandle()}").LinkTarget!);
        return Directory.EnumerateDirectories("/proc").Count(process =>
            int.TryParse(Path.GetFileName(process), NumberStyles.None, CultureInfo.InvariantCulture, out _) && IsPasstIn(process, home));
    }

    private static bool IsPasstIn(string process, string home)
    {
        try
        {
            return File.ReadAllText(Path.Combine(process, "comm")).StartsWith("passt", StringComparison.Ordinal)
                && new FileInfo(Path.Combine(process, "ns/net")).LinkTarget is { } link && link == home
                && !File.ReadAllText(Path.Combine(process, "stat")).Contains(") Z ", StringComparison.Ordinal);
        }
        catch (IOException)
        {
            // It has ended since it was listed.
            return false;
        }
    }
}
