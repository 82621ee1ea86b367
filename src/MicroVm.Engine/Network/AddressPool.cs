using System.Buffers.Binary;
using System.Net;
using System.Net.Sockets;
using MicroVm.Engine.Errors;

namespace MicroVm.Engine.Network;

/// <summary>The networks that slots have their outside addresses of: slot n has the n-th address.</summary>
internal sealed class AddressPool
{
    /// <summary>More slots than this there are not, however large the networks.</summary>
    public const int MostSlots = 32_000;

    /// <summary>Takes the networks.</summary>
    /// <param name="four">The IPv4 network, of 30 bits at most.</param>
    /// <param name="six">The IPv6 network, of 126 bits at most; null for slots without IPv6.</param>
    /// <exception cref="MicroVmException"><see cref="ErrorIds.InvalidAddressPool"/>.</exception>
    public AddressPool(IPNetwork four, IPNetwork? six)
    {
        if (four.BaseAddress.AddressFamily != AddressFamily.InterNetwork || four.PrefixLength > 30)
        {
            throw Invalid(four, "an IPv4 network with a prefix of 30 bits at most");
        }

        if (six is { } network && (network.BaseAddress.AddressFamily != AddressFamily.InterNetworkV6 || network.PrefixLength > 126))
        {
            throw Invalid(network, "an IPv6 network with a prefix of 126 bits at most");
        }

        Four = four;
        Six = six;
        Capacity = Math.Min(CapacityOf(32 - four.PrefixLength), six is { } v6 ? CapacityOf(128 - v6.PrefixLength) : MostSlots);
    }

    /// <summary>198.18.128.0/17, of what is set aside for benchmarks (RFC 2544) and routed nowhere, and a unique local network.</summary>
    public static AddressPool Default { get; } = new(IPNetwork.Parse("198.18.128.0/17"), IPNetwork.Parse("fd6d:6963:766e::/64"));

    /// <summary>The IPv4 network.</summary>
    public IPNetwork Four { get; }

    /// <summary>The IPv6 network, if there is one.</summary>
    public IPNetwork? Six { get; }

    /// <summary>The last slot; the first is 1.</summary>
    public int Capacity { get; }

    /// <summary>The addresses of a slot outside.</summary>
    /// <param name="slot">1 to <see cref="Capacity"/>.</param>
    public (IPAddress Four, IPAddress? Six) AddressOf(int slot)
    {
        ArgumentOutOfRangeException.ThrowIfLessThan(slot, 1);
        ArgumentOutOfRangeException.ThrowIfGreaterThan(slot, Capacity);
        return (Plus(Four.BaseAddress, slot), Six is { } six ? Plus(six.BaseAddress, slot) : null);
    }

    /// <summary>Refuses the pool when the host has another way to addresses in it.</summary>
    /// <param name="routes">What <see cref="HostRoutes.List"/> gave.</param>
    /// <exception cref="MicroVmException"><see cref="ErrorIds.AddressPoolOverlap"/>, which names both networks and the device.</exception>
    public void CheckAgainst(IEnumerable<HostRoute> routes)
    {
        foreach (HostRoute route in routes)
        {
            // What leads to half of all addresses or more is a default route (a VPN's are often two halves), and the slots' own go before it.
            if (route.IsOurs || route.Destination.PrefixLength <= 1)
            {
                continue;
            }

            foreach (IPNetwork pool in (ReadOnlySpan<IPNetwork>)(Six is { } six ? [Four, six] : [Four]))
            {
                if (pool.Contains(route.Destination.BaseAddress) || route.Destination.Contains(pool.BaseAddress))
                {
                    string device = route.Device is null ? "" : $" of device '{route.Device}'";
                    throw new MicroVmException(
                        ErrorIds.AddressPoolOverlap, ErrorKind.ResourceUnavailable, $"The address pool {pool} overlaps the host's route to {route.Destination}{device}.")
                    {
                        Target = pool.ToString(),
                        RecommendedAction = "Choose a network that this host does not use: Set-MicroVmHost -AddressPool",
                    };
                }
            }
        }
    }

    private static MicroVmException Invalid(IPNetwork network, string rule) =>
        new(ErrorIds.InvalidAddressPool, ErrorKind.InvalidArgument, $"The address pool '{network}' is not {rule}.") { Target = network.ToString() };

    // The first address is the network's own, the last one its broadcast's.
    private static int CapacityOf(int bits) => bits >= 16 ? MostSlots : Math.Min(MostSlots, (1 << bits) - 2);

    private static IPAddress Plus(IPAddress address, int slot)
    {
        byte[] bytes = address.GetAddressBytes();
        Span<byte> end = bytes.AsSpan(bytes.Length - 4);
        BinaryPrimitives.WriteUInt32BigEndian(end, BinaryPrimitives.ReadUInt32BigEndian(end) + (uint)slot);
        return new IPAddress(bytes);
    }
}
