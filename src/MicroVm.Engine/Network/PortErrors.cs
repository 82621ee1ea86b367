using System.Net;
using System.Net.Sockets;
using MicroVm.Engine.Errors;

namespace MicroVm.Engine.Network;

/// <summary>Why a port of the host cannot be published.</summary>
internal static class PortErrors
{
    /// <summary>The error for a port that somebody has.</summary>
    /// <param name="port">The port.</param>
    /// <param name="holder">Who, such as "nginx (pid 123)" or "the VM 'web'"; null when that is not known.</param>
    public static MicroVmException InUse(PublishedPort port, string? holder) => new(
        ErrorIds.PortInUse, ErrorKind.AlreadyExists, $"{Describe(port)} is in use{(holder is null ? "" : $" by {holder}")}.")
    {
        Target = port.ToString(),
        RecommendedAction = "Publish another port of the host, or 0 for a free one.",
    };

    /// <summary>
    /// Tries to take a port as a program does, in the calling thread's network namespace, and gives it back at once.
    /// </summary>
    /// <returns>Why it could not be taken; null when it could.</returns>
    public static MicroVmException? WhyNot(PublishedPort port)
    {
        IPAddress address = IPAddress.Parse(port.HostAddress);
        bool tcp = port.Protocol == PortProtocol.Tcp;
        try
        {
            using Socket socket = new(address.AddressFamily, tcp ? SocketType.Stream : SocketType.Dgram, tcp ? ProtocolType.Tcp : ProtocolType.Udp);
            socket.Bind(new IPEndPoint(address, port.HostPort));
            if (tcp)
            {
                socket.Listen(1);
            }

            return null;
        }
        catch (SocketException exception)
        {
            return exception.SocketErrorCode switch
            {
                SocketError.AddressAlreadyInUse => InUse(port, PortHolder.Find(port.Protocol, address, port.HostPort)),
                SocketError.AccessDenied => Denied(port, exception),
                _ => NotAvailable(port, exception),
            };
        }
    }

    /// <summary>A port that nobody has, in the calling thread's network namespace, at this moment.</summary>
    /// <param name="wanted">At which address, and of which protocol.</param>
    /// <exception cref="MicroVmException"><see cref="ErrorIds.AddressNotAvailable"/>.</exception>
    public static int FindFree(PublishedPort wanted)
    {
        IPAddress address = IPAddress.Parse(wanted.HostAddress);
        bool tcp = wanted.Protocol == PortProtocol.Tcp;
        try
        {
            using Socket socket = new(address.AddressFamily, tcp ? SocketType.Stream : SocketType.Dgram, tcp ? ProtocolType.Tcp : ProtocolType.Udp);
            socket.Bind(new IPEndPoint(address, 0));
            return ((IPEndPoint)socket.LocalEndPoint!).Port;
        }
        catch (SocketException exception)
        {
            throw NotAvailable(wanted, exception);
        }
    }

    private static MicroVmException Denied(PublishedPort port, SocketException cause) => new(
        ErrorIds.PermissionDenied, ErrorKind.PermissionDenied, $"{Describe(port)} may only be taken by root.", cause)
    {
        Target = port.ToString(),
        RecommendedAction = $"Publish a port from {LeastPort()} on, or as root: sysctl -w net.ipv4.ip_unprivileged_port_start={port.HostPort}",
    };

    private static MicroVmException NotAvailable(PublishedPort port, SocketException cause) => new(
        ErrorIds.AddressNotAvailable, ErrorKind.InvalidArgument, $"The host has no address {port.HostAddress} to publish a port at.", cause)
    {
        Target = port.ToString(),
        RecommendedAction = "ip address shows the host's addresses; 0.0.0.0 is all of them.",
    };

    private static string Describe(PublishedPort port) => $"Port {port.HostPort}/{(port.Protocol == PortProtocol.Tcp ? "tcp" : "udp")} at {port.HostAddress}";

    private static string LeastPort()
    {
        try
        {
            return File.ReadAllText("/proc/sys/net/ipv4/ip_unprivileged_port_start").Trim();
        }
        catch (Exception exception) when (exception is IOException or UnauthorizedAccessException)
        {
            return "1024";
        }
    }
}
