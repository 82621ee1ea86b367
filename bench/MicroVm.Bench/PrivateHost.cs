using Microsoft.Win32.SafeHandles;
using MicroVm.Bench.Baselines;
using MicroVm.Engine.Native;
using MicroVm.Engine.Network;

namespace MicroVm.Bench;

/// <summary>A host's network that is nobody's: a namespace with a device towards nowhere, in which slots can be made. Gone with this object or this process.</summary>
internal sealed class PrivateHost : IDisposable
{
    /// <summary>The device towards the world, of which there is none.</summary>
    public const string Uplink = "wan0";

    private readonly SafeFileHandle _namespace;

    /// <summary>Makes it.</summary>
    public PrivateHost()
    {
        SafeFileHandle? made = null;
        Thread thread = new(() =>
        {
            Namespaces.Unshare(Namespaces.Network);
            made = Namespaces.OpenNetwork();
        });
        thread.Start();
        thread.Join();
        _namespace = made ?? throw new InvalidOperationException("No network namespace could be made.");
        Network = new HostNetwork(_namespace);
        Directory.CreateDirectory("/run/netns");
        Network.Run(sockets =>
        {
            // Where ip-netns(8) keeps its names.
            Namespaces.Unshare(Namespaces.Mount);
            Namespaces.KeepMountsFromOthers();
            Namespaces.MountTmpfs("/run/netns", "size=1m");
            string ip = Processes.Find("ip");
            Processes.Run(ip, "link", "add", Uplink, "type", "veth", "peer", "name", "world0");
            Processes.Run(ip, "address", "add", "203.0.113.1/24", "dev", Uplink);
            Processes.Run(ip, "link", "set", Uplink, "up");
            HostForwarding.Ensure(sockets, six: sockets.HasIPv6);
        });
    }

    /// <summary>The thread in it. What it spawns is in it too.</summary>
    public HostNetwork Network { get; }

    /// <summary>What ip(8) takes for "netns".</summary>
    public string Path => FormattableString.Invariant($"/proc/{Environment.ProcessId}/fd/{_namespace.DangerousGetHandle()}");

    /// <summary>Waits until a device is no more.</summary>
    public void WaitUntilGone(string device)
    {
        if (!SpinWait.SpinUntil(() => Network.Run(sockets => HostRoutes.IndexOf(sockets, device)) is null, TimeSpan.FromSeconds(60)))
        {
            throw new InvalidOperationException($"{device} is still there.");
        }
    }

    /// <inheritdoc/>
    public void Dispose()
    {
        Network.Dispose();
        _namespace.Dispose();
    }
}
