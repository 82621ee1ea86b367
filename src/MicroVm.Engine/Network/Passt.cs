using System.Globalization;
using System.Net;
using System.Net.NetworkInformation;
using Microsoft.Win32.SafeHandles;
using MicroVm.Engine.Errors;
using MicroVm.Engine.Native;
using MicroVm.Engine.State;

namespace MicroVm.Engine.Network;

/// <summary>
/// Connects a guest to the outside by passt, one per interface: a program of the user's that makes the guest's connections its own, without any privilege. It
/// ends when nobody holds the other end of its socket any more, so with the VMM, or with this process if that dies before there is one.
/// </summary>
internal static class Passt
{
    private const string FirstDescriptor = "3";
    private const int WordsBytes = 16 << 10;
    private const int LastLines = 3;

    // It binds its ports and shuts itself in: 20 ms.
    private static readonly TimeSpan s_readyLimit = TimeSpan.FromSeconds(20);

    /// <summary>
    /// Starts it in the calling thread's network namespace and waits until it is ready; blocks. It knows nothing of connections that a restored guest thinks it
    /// has: those are gone, as behind any gateway that was replaced.
    /// </summary>
    /// <param name="device">The guest's interface: IPv4 address and gateway, perhaps those of IPv6, and the name servers it is told of, which lead to the host's.</param>
    /// <param name="ports">The host's ports that lead to the guest's, chosen (no 0); they cannot be changed later.</param>
    /// <param name="mtu">The largest packet, in bytes.</param>
    /// <param name="program">The program, or null to find it.</param>
    /// <param name="cancellationToken">Ends the wait, and passt.</param>
    /// <exception cref="MicroVmException">
    /// <see cref="ErrorIds.PortInUse"/>, <see cref="ErrorIds.PermissionDenied"/>, <see cref="ErrorIds.AddressNotAvailable"/>: a port. <see cref="ErrorIds.NoDefaultRoute"/>.
    /// <see cref="ErrorIds.ToolFailed"/>: not installed, too old, or ended; with its last words. <see cref="ErrorIds.MicroVmTimeout"/>: it did not become ready.
    /// </exception>
    public static NetworkBackend Start(
        MachineInterface device, IReadOnlyList<PublishedPort> ports, int mtu, PasstProgram? program, CancellationToken cancellationToken)
    {
        program ??= PasstProgram.Find();
        DefaultRoutes routes = DefaultRoutes.Look();
        if (!routes.Four)
        {
            throw DefaultRoutes.None();
        }

        (SafeFileHandle ours, SafeFileHandle theirs) = SocketPair.Open();
        int child = 0;
        try
        {
            using BoundedOutput words = new("passt", WordsBytes);
            using (theirs)
            {
                child = PasstProgram.Spawn(program.Path, Arguments(device, ports, mtu, routes), words, theirs);
            }

            // Nobody reaps it but us, so its entry in /proc cannot be missing.
            ProcessIdentity identity = ProcessIdentity.Of(child)!;
            if (!WaitUntilReady(ours, child, device, cancellationToken))
            {
                throw Failure(program, ports, words.Read());
            }

            return new NetworkBackend(ours) { IsStream = true, Helper = identity };
        }
        catch
        {
            ours.Dispose();
            if (child > 0)
            {
                ProcessSpawn.KillAndReap(child);
            }

            throw;
        }
    }

    /// <summary>The command line. A guest is configured by the engine, alike behind passt and in a slot: no DHCP, no router advertisements.</summary>
    internal static IReadOnlyList<string> Arguments(MachineInterface device, IReadOnlyList<PublishedPort> ports, int mtu, DefaultRoutes routes)
    {
        List<string> arguments =
        [
            // A connected socket: passt ends with it.
            "--foreground", "--quiet", "--fd", FirstDescriptor,
            "--address", HostOf(device.Address!), "--netmask", device.Address!.Split('/')[1], "--gateway", device.Gateway!,
            "--mac-addr", MacText(SlotConstants.GatewayMac), "--mtu", mtu.ToString(CultureInfo.InvariantCulture),
            // Else the gateway's address is the host's loopback.
            "--no-map-gw", "--no-dhcp", "--no-dhcpv6", "--no-ra",
        ];
        bool six = routes.Six && device is { AddressV6: not null, GatewayV6: not null };
        arguments.AddRange(six ? ["--address", HostOf(device.AddressV6!), "--gateway", device.GatewayV6!] : ["--ipv4-only"]);
        // One of each version; passt sends them to the first resolver in /etc/resolv.conf, be that on the loopback.
        arguments.AddRange(device.NameServers.DistinctBy(server => server.Contains(':', StringComparison.Ordinal)).SelectMany(server => (string[])["--dns-forward", server]));
        foreach ((PortProtocol protocol, string option) in ((PortProtocol, string)[])[(PortProtocol.Tcp, "--tcp-ports"), (PortProtocol.Udp, "--udp-ports")])
        {
            string[] ours = [.. ports.Where(port => port.Protocol == protocol).Select(Specify)];
            // Said in full: some versions forward UDP ports of the numbers of TCP's when nothing is said of UDP.
            arguments.AddRange((ours.Length == 0 ? ["none"] : ours).SelectMany(port => (string[])[option, port]));
        }

        return arguments;
    }

    private static bool WaitUntilReady(SafeFileHandle socket, int child, MachineInterface device, CancellationToken cancellationToken)
    {
        using ProcessDescriptor process = ProcessDescriptor.TryOpen(child)!;
        IPAddress gateway = IPAddress.Parse(device.Gateway!);
        long deadline = Environment.TickCount64 + (long)s_readyLimit.TotalMilliseconds;
        try
        {
            PasstFrames.Ask(socket, PhysicalAddress.Parse(device.MacAddress), IPAddress.Parse(HostOf(device.Address!)), gateway);
            while (true)
            {
                TimeSpan left = TimeSpan.FromMilliseconds(Math.Max(0, deadline - Environment.TickCount64));
                switch (Polling.WaitAny(left, cancellationToken, socket, process.Handle))
                {
                    case 0 when PasstFrames.TakeIsAnswer(socket, gateway) is { } isAnswer:
                        if (isAnswer)
                        {
                            return true;
                        }

                        break;
                    case -1:
                        throw NotReady();
                    default:
                        // Its last words are said when it is gone.
                        process.WaitForEnd(left, cancellationToken);
                        return false;
                }
            }
        }
        catch (IOException)
        {
            // It closed its end.
            process.WaitForEnd(s_readyLimit, cancellationToken);
            return false;
        }
    }

    private static MicroVmException Failure(PasstProgram program, IReadOnlyList<PublishedPort> ports, string words)
    {
        string[] lines = [.. words.Split('\n', StringSplitOptions.RemoveEmptyEntries | StringSplitOptions.TrimEntries)
            // What some versions say when there is no log of the system, and to root.
            .Where(line => !line.StartsWith("Failed to send ", StringComparison.Ordinal) && !line.StartsWith("Don't run as root", StringComparison.Ordinal))];
        string last = string.Join(" ", lines.TakeLast(LastLines));
        return ports.Select(PortErrors.WhyNot).FirstOrDefault(reason => reason is not null)
            ?? new MicroVmException(ErrorIds.ToolFailed, ErrorKind.ResourceUnavailable, $"passt ended before it was ready{(last.Length == 0 ? "." : $": {last}")}")
            {
                Target = program.Path,
                RecommendedAction = last.Contains("Overlapping", StringComparison.Ordinal)
                    ? "This passt publishes a port of the host's at one address, or at all of them (0.0.0.0): choose another port for the other."
                    : null,
            };
    }

    private static MicroVmException NotReady() =>
        new(ErrorIds.MicroVmTimeout, ErrorKind.Timeout, $"passt was not ready within {s_readyLimit.TotalSeconds:0} seconds.") { Target = "passt" };

    private static string Specify(PublishedPort port) => string.Create(CultureInfo.InvariantCulture, $"{port.HostAddress}/{port.HostPort}:{port.GuestPort}");

    private static string MacText(ReadOnlySpan<byte> mac) => string.Join(':', mac.ToArray().Select(value => value.ToString("x2", CultureInfo.InvariantCulture)));

    private static string HostOf(string address) => address.Split('/')[0];
}
