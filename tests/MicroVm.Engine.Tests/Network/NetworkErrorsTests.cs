using System.Runtime.InteropServices;
using MicroVm.Engine.Errors;
using MicroVm.Engine.Native;
using MicroVm.Engine.Network;
using MicroVm.Engine.Tests.Support;

namespace MicroVm.Engine.Tests.Network;

public sealed class NetworkErrorsTests
{
    [Theory]
    [InlineData("unshare (network namespace)", 1, ErrorIds.PermissionDenied, "CAP_NET_ADMIN")]
    [InlineData("unshare (network namespace)", 28, ErrorIds.NetworkFailed, "user.max_net_namespaces")]
    [InlineData("open /dev/net/tun", 13, ErrorIds.PermissionDenied, "--device /dev/net/tun")]
    [InlineData("open /dev/net/tun", 1, ErrorIds.PermissionDenied, "--device /dev/net/tun")]
    [InlineData("open /dev/net/tun", 2, ErrorIds.NetworkUnavailable, "modprobe tun")]
    [InlineData("open /dev/net/tun", 19, ErrorIds.NetworkUnavailable, "modprobe tun")]
    [InlineData("raise the link: add the veth pair", 95, ErrorIds.NetworkUnavailable, "modprobe veth")]
    [InlineData("raise the link: add the veth pair", 1, ErrorIds.PermissionDenied, "CAP_NET_ADMIN")]
    [InlineData("raise the link: add the veth pair", 12, ErrorIds.NetworkFailed, "Test-MicroVmHost")]
    public void Refusal_says_what_to_grant_or_load(string call, int errno, string id, string action)
    {
        LinuxException cause = LinuxException.From(call, errno);

        MicroVmException error = NetworkErrors.OfLink(cause);

        Assert.Equal(id, error.ErrorId);
        Assert.Contains(action, error.RecommendedAction, StringComparison.Ordinal);
        Assert.Same(cause, error.InnerException);
    }

    [NetworkFact]
    public void Without_the_rights_nothing_is_made_and_routes_can_be_read()
    {
        using TestNamespace side = new();
        using HostNetwork host = new(side.File);
        host.Run(_ => DropCapabilities());

        Assert.Equal(ErrorIds.PermissionDenied, Assert.Throws<MicroVmException>(() => NetworkLink.Raise(host, ipv6: true)).ErrorId);
        Assert.Equal(ErrorIds.PermissionDenied, Assert.Throws<MicroVmException>(() => host.Run(sockets => HostRoutes.Attach(sockets, 1, AddressPool.Default.AddressOf(1).Four, null))).ErrorId);
        Assert.Equal(["lo"], host.Run(HostRoutes.Devices).Values);
        Assert.NotEmpty(host.Run(HostRoutes.List));
    }

    [NetworkFact]
    public void Host_without_a_TAP_driver_is_told_and_nothing_is_left()
    {
        using TestNamespace side = new();
        using HostNetwork host = new(side.File);
        host.Run(_ =>
        {
            // Only this thread sees it.
            Namespaces.Unshare(Namespaces.Mount);
            Namespaces.KeepMountsFromOthers();
            Namespaces.MountTmpfs("/dev/net", "size=4k");
        });

        MicroVmException error = Assert.Throws<MicroVmException>(() => NetworkLink.Raise(host, ipv6: true));

        Assert.Equal(ErrorIds.NetworkUnavailable, error.ErrorId);
        Assert.Equal("/dev/net/tun", error.Target);
        Assert.Equal(["lo"], host.Run(HostRoutes.Devices).Values);
    }

    // capset(2) is a thread's own; version 3 has two sets of three words.
    private static void DropCapabilities() => Assert.Equal(0, SetCapabilities([0x20080522, 0], new uint[6]));

    [DllImport("libc", EntryPoint = "capset", SetLastError = true)]
    private static extern int SetCapabilities(uint[] header, uint[] sets);
}
