using System.Net;
using MicroVm.Engine.Errors;
using MicroVm.Engine.Network;
using MicroVm.Engine.Tests.Support;

namespace MicroVm.Engine.Tests.Network;

public sealed class HostRoutesTests : IDisposable
{
    private static readonly IPAddress s_four = IPAddress.Parse("198.18.128.7");
    private static readonly IPAddress s_six = IPAddress.Parse("fd6d:6963:766e::7");

    private readonly TestNetwork _net = new();

    public void Dispose() => _net.Dispose();

    private HostNetwork Host => _net.Host.Network;

    [NetworkFact]
    public void Attached_link_has_its_routes_until_it_is_detached()
    {
        using NetworkLink link = NetworkLink.Raise(Host, ipv6: true);

        Host.Run(sockets => HostRoutes.Attach(sockets, link.Index, s_four, s_six));

        Assert.Equal($"{s_four} via 169.254.1.2 dev {link.Name} proto 109 onlink", _net.Host.Run("ip", "route", "show", $"{s_four}").Trim());
        Assert.Contains($"{s_six} via fe80::2 dev {link.Name} proto 109", _net.Host.Run("ip", "-6", "route", "show", $"{s_six}"), StringComparison.Ordinal);
        HostRoute[] ours = [.. Host.Run(HostRoutes.List).Where(route => route.IsOurs)];
        Assert.Equal([new(new IPNetwork(s_four, 32), link.Name, 109), new(new IPNetwork(s_six, 128), link.Name, 109)], ours);

        Host.Run(sockets => HostRoutes.Detach(sockets, link.Index, s_four, s_six));
        Host.Run(sockets => HostRoutes.Detach(sockets, link.Index, s_four, s_six));

        Assert.DoesNotContain(Host.Run(HostRoutes.List), route => route.IsOurs);
    }

    [NetworkFact]
    public void Address_moves_to_another_link_and_stays_there()
    {
        using NetworkLink old = NetworkLink.Raise(Host, ipv6: true);
        using NetworkLink link = NetworkLink.Raise(Host, ipv6: true);
        Host.Run(sockets => HostRoutes.Attach(sockets, old.Index, s_four, s_six));

        Host.Run(sockets => HostRoutes.Attach(sockets, link.Index, s_four, s_six));
        Host.Run(sockets => HostRoutes.Detach(sockets, old.Index, s_four, s_six));

        Assert.All(Host.Run(HostRoutes.List).Where(route => route.IsOurs), route => Assert.Equal(link.Name, route.Device));
        Assert.Equal(2, Host.Run(HostRoutes.List).Count(route => route.IsOurs));
    }

    [NetworkFact]
    public void Routes_go_with_the_link()
    {
        NetworkLink link = NetworkLink.Raise(Host, ipv6: true);
        Host.Run(sockets => HostRoutes.Attach(sockets, link.Index, s_four, s_six));

        link.Dispose();

        Assert.True(SpinWait.SpinUntil(() => !Host.Run(HostRoutes.List).Any(route => route.IsOurs), Limits.Generous));
        Host.Run(sockets => HostRoutes.Detach(sockets, link.Index, s_four, s_six));
        MicroVmException error = Assert.Throws<MicroVmException>(() => Host.Run(sockets => HostRoutes.Attach(sockets, link.Index, s_four, s_six)));
        Assert.Equal(ErrorIds.NetworkFailed, error.ErrorId);
        Assert.Contains("attach the link: add the route", error.InnerException!.Message, StringComparison.Ordinal);
    }

    [NetworkFact]
    public void Devices_and_default_routes_are_found()
    {
        int? index = Host.Run(sockets => HostRoutes.IndexOf(sockets, TestNetwork.Uplink));

        Assert.Equal(TestNetwork.Uplink, Host.Run(HostRoutes.Devices)[index!.Value]);
        Assert.Null(Host.Run(sockets => HostRoutes.IndexOf(sockets, "none0")));
        Assert.True(Host.Run(sockets => HostRoutes.HasDefault(sockets, six: false)));
        Assert.True(Host.Run(sockets => HostRoutes.HasDefault(sockets, six: true)));
        Assert.False(_net.World.Network.Run(sockets => HostRoutes.HasDefault(sockets, six: false)));
        Assert.False(_net.World.Network.Run(sockets => HostRoutes.HasDefault(sockets, six: true)));
    }

    [NetworkFact]
    public void Routes_of_all_tables_and_kinds_are_listed()
    {
        _net.Host.Run("ip", "route", "add", "blackhole", "198.19.0.0/16");
        _net.Host.Run("ip", "route", "add", "10.9.0.0/16", "dev", TestNetwork.Uplink, "table", "1234");

        IReadOnlyList<HostRoute> routes = Host.Run(HostRoutes.List);

        Assert.Contains(routes, route => route.Destination == IPNetwork.Parse("198.19.0.0/16") && route.Device is null);
        Assert.Contains(routes, route => route.Destination == IPNetwork.Parse("10.9.0.0/16") && route.Device == TestNetwork.Uplink);
        Assert.Contains(routes, route => route.Destination == new IPNetwork(TestNetwork.HostAddress, 32));
        Assert.DoesNotContain(routes, route => route.Destination == IPNetwork.Parse("ff00::/8"));
    }

    [NetworkFact]
    public void Pool_that_the_host_uses_is_refused_by_name()
    {
        _net.Host.Run("ip", "route", "add", "198.18.130.0/24", "dev", TestNetwork.Uplink);

        MicroVmException error = Assert.Throws<MicroVmException>(() => AddressPool.Default.CheckAgainst(Host.Run(HostRoutes.List)));

        Assert.Equal(ErrorIds.AddressPoolOverlap, error.ErrorId);
        Assert.Equal($"The address pool 198.18.128.0/17 overlaps the host's route to 198.18.130.0/24 of device '{TestNetwork.Uplink}'.", error.Message);
    }

    [NetworkFact]
    public void Pool_in_use_by_links_is_none_of_the_host()
    {
        using NetworkLink link = NetworkLink.Raise(Host, ipv6: true);
        Host.Run(sockets => HostRoutes.Attach(sockets, link.Index, s_four, s_six));

        AddressPool.Default.CheckAgainst(Host.Run(HostRoutes.List));
    }

    [NetworkFact]
    public void Forwarding_is_switched_on_once()
    {
        _net.Host.Run(() =>
        {
            File.WriteAllText("/proc/sys/net/ipv4/ip_forward", "0");
            return true;
        });

        Assert.Equal(["net.ipv4.ip_forward = 1"], Host.Run(sockets => HostForwarding.Ensure(sockets, six: false)));
        Assert.Equal(["net.ipv6.conf.all.forwarding = 1"], Host.Run(sockets => HostForwarding.Ensure(sockets, six: true)));
        Assert.Empty(Host.Run(sockets => HostForwarding.Ensure(sockets, six: true)));
    }

    [NetworkFact]
    public void Host_whose_router_advertises_itself_goes_on_believing_it()
    {
        _net.Host.Run("ip", "-6", "route", "replace", "default", "via", $"{TestNetwork.WorldAddressV6}", "proto", "ra");

        Assert.Equal(
            [$"net.ipv6.conf.{TestNetwork.Uplink}.accept_ra = 2", "net.ipv6.conf.all.forwarding = 1"],
            Host.Run(sockets => HostForwarding.Ensure(sockets, six: true)).Where(setting => setting.Contains("ipv6", StringComparison.Ordinal)));
    }

    [NetworkFact]
    public void Host_without_IPv6_has_links_without()
    {
        Assert.True(Host.Run(HostForwarding.CanCarryIPv6));
        _net.Host.Run(() =>
        {
            File.WriteAllText("/proc/sys/net/ipv6/conf/default/disable_ipv6", "1");
            return true;
        });

        Assert.False(Host.Run(HostForwarding.CanCarryIPv6));
        using NetworkLink link = NetworkLink.Raise(Host, ipv6: false);
        Host.Run(sockets => HostRoutes.Attach(sockets, link.Index, s_four, null));
        Assert.Contains(Host.Run(HostRoutes.List), route => route.IsOurs);
    }

    [NetworkFact]
    public void Small_packets_leave_no_room_for_IPv6_but_for_a_link()
    {
        using NetworkLink link = NetworkLink.Raise(Host, ipv6: false, mtu: 1200);

        Assert.Equal(1200, link.Mtu);
        Assert.Contains("mtu 1200", _net.Host.Run("ip", "link", "show", link.Name), StringComparison.Ordinal);
        MicroVmException error = Assert.Throws<MicroVmException>(() => NetworkLink.Raise(Host, ipv6: true, mtu: 1200));
        Assert.Equal(ErrorIds.NetworkFailed, error.ErrorId);
    }
}
