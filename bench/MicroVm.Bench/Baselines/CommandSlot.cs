namespace MicroVm.Bench.Baselines;

/// <summary>
/// How systems that set networks up by command make a VM's slot: ip(8) and iptables(8), each a process, 18 for one slot and six to remove it. To be used on a thread in a network
/// namespace and a mount namespace of its own.
/// </summary>
/// <param name="number">The slot, which its names and addresses are made of.</param>
internal sealed class CommandSlot(int number)
{
    private static readonly string s_ip = Processes.Find("ip");
    private static readonly string s_iptables = Processes.Find("iptables");
    private static readonly string s_sysctl = Processes.Find("sysctl");

    private readonly string _namespace = $"mvb-ns-{number}";
    private readonly string _link = $"mvb-veth-{number}";
    private readonly string _outside = $"10.11.{number >> 8}.{number & 255}";
    private readonly string _hostEnd = $"10.12.{number >> 7}.{(number * 2) & 255}";
    private readonly string _innerEnd = $"10.12.{number >> 7}.{((number * 2) & 255) + 1}";

    /// <summary>Makes the slot: a namespace with a TAP, a veth pair, addresses, routes, translation in the namespace and on the host.</summary>
    /// <param name="uplink">The host's device towards the world.</param>
    public void Up(string uplink)
    {
        Ip("netns", "add", _namespace);
        Ip("link", "add", _link, "type", "veth", "peer", "name", "eth0", "netns", _namespace);
        Ip("address", "add", $"{_hostEnd}/31", "dev", _link);
        Ip("link", "set", _link, "up");
        Ip("-n", _namespace, "address", "add", $"{_innerEnd}/31", "dev", "eth0");
        Ip("-n", _namespace, "link", "set", "eth0", "up");
        Ip("-n", _namespace, "link", "set", "lo", "up");
        Ip("-n", _namespace, "tuntap", "add", "tap0", "mode", "tap");
        Ip("-n", _namespace, "address", "add", "169.254.0.22/30", "dev", "tap0");
        Ip("-n", _namespace, "link", "set", "tap0", "address", "02:fc:00:00:00:06", "txqueuelen", "5000", "up");
        Ip("-n", _namespace, "route", "add", "default", "via", _hostEnd);
        Inside(s_sysctl, "-q", "-w", "net.ipv4.ip_forward=1");
        Inside(s_iptables, "-t", "nat", "-A", "POSTROUTING", "-o", "eth0", "-s", "169.254.0.21", "-j", "SNAT", "--to", _outside);
        Inside(s_iptables, "-t", "nat", "-A", "PREROUTING", "-i", "eth0", "-d", _outside, "-j", "DNAT", "--to", "169.254.0.21");
        Ip("route", "add", $"{_outside}/32", "via", _innerEnd, "dev", _link);
        Rules("-A", uplink);
    }

    /// <summary>Removes it.</summary>
    /// <param name="uplink">The same as it was made with.</param>
    public void Down(string uplink)
    {
        Rules("-D", uplink);
        Ip("route", "delete", $"{_outside}/32", "via", _innerEnd, "dev", _link);
        Ip("link", "delete", _link);
        Ip("netns", "delete", _namespace);
    }

    private static void Ip(params IReadOnlyList<string> arguments) => Processes.Run(s_ip, arguments);

    private void Inside(string program, params IReadOnlyList<string> arguments) => Processes.Run(s_ip, ["netns", "exec", _namespace, program, .. arguments]);

    private void Rules(string verb, string uplink)
    {
        Processes.Run(s_iptables, verb, "FORWARD", "-i", _link, "-o", uplink, "-j", "ACCEPT");
        Processes.Run(s_iptables, verb, "FORWARD", "-i", uplink, "-o", _link, "-j", "ACCEPT");
        Processes.Run(s_iptables, "-t", "nat", verb, "POSTROUTING", "-s", $"{_outside}/32", "-o", uplink, "-j", "MASQUERADE");
    }
}
