using System.Buffers.Binary;
using System.Net;
using System.Net.NetworkInformation;
using MicroVm.Engine.Errors;
using MicroVm.Engine.Native;
using MicroVm.Engine.Network;
using MicroVm.Engine.Tests.Support;

namespace MicroVm.Engine.Tests.Network;

/// <summary>Guests that are no more than an open TAP device, on a bridge in a network namespace of the test's own.</summary>
public sealed class BridgePortTests : IDisposable
{
    private const int VnetHeaderBytes = 10;
    private const string Good = "02:aa:00:00:00:01";
    private const string Other = "02:aa:00:00:00:02";

    private static readonly IPAddress s_address = IPAddress.Parse("192.0.2.10");
    private static readonly IPAddress s_otherAddress = IPAddress.Parse("192.0.2.11");

    private readonly TestNamespace? _host = Netns.WhyNot is null ? new() : null;

    private TestNamespace Place => _host!;

    public void Dispose() => _host?.Dispose();

    [BridgeFact]
    public void Guests_see_each_other_and_pass_for_nobody_else()
    {
        MakeBridge();
        using NetworkBackend one = BridgePort.Open(Place.Network, "br0", Good, s_address);
        using NetworkBackend free = BridgePort.Open(Place.Network, "br0", Other, address: null);
        WaitUntilForwarded(one, free);

        Assert.Empty(Arriving(one, free, Good, Arp(Other, Other, s_address), Arp(Good, Other, s_address), Arp(Good, Good, s_otherAddress)));
        Assert.Empty(Arriving(one, free, Good, Udp(Good, s_otherAddress, 4000), Udp(Other, s_address, 4000), Udp(Good, s_address, 67), RouterAdvertisement(Good), Tagged(Good)));
        // Of a guest without an address of its own only the hardware address counts, and what servers say.
        Assert.Equal(2, Arriving(free, one, Other, Arp(Other, Other, s_address), Udp(Other, s_address, 4000)).Count);
        Assert.Empty(Arriving(free, one, Other, Arp(Other, Good, s_address), Udp(Good, s_address, 4000), Udp(Other, s_address, 67)));
        // Whether an address is free may be asked.
        Assert.Single(Arriving(one, free, Good, Arp(Good, Good, IPAddress.Any)));
    }

    [BridgeFact]
    public void Ports_that_are_not_ours_are_left_alone()
    {
        MakeBridge();
        Place.Run("ip", "tuntap", "add", "dev", "their0", "mode", "tap");
        Place.Run("ip", "link", "set", "their0", "up", "master", "br0");
        using NetworkBackend theirs = Place.Run(() => TapPort.Open(null, "their0"));
        using NetworkBackend one = BridgePort.Open(Place.Network, "br0", Good, s_address);
        WaitUntilForwarded(theirs, one, "02:bb:00:00:00:01");

        Assert.Equal(2, Arriving(theirs, one, "02:bb:00:00:00:01", Arp("02:bb:00:00:00:02", Other, s_otherAddress), Udp("02:bb:00:00:00:03", s_otherAddress, 67)).Count);
    }

    [BridgeFact]
    public void Nothing_is_left_when_it_is_closed_and_forgotten()
    {
        MakeBridge();
        string mac = AddressOfBridge();
        string link;
        using (NetworkBackend one = BridgePort.Open(Place.Network, "br0", Good, s_address))
        {
            link = one.LinkName!;
            Assert.Contains("master br0", Place.Run("ip", "link", "show", link), StringComparison.Ordinal);
            Assert.Equal([(link, true)], BridgePort.Known(Place.Network));
        }

        // As after a crash: repair finds what to forget.
        Assert.NotEqual(0, Place.Try("ip", "link", "show", link).Code);
        Assert.Equal([(link, false)], BridgePort.Known(Place.Network));
        BridgePort.Forget(Place.Network, link);
        BridgePort.Forget(Place.Network, link);
        Assert.Empty(BridgePort.Known(Place.Network));
        Assert.Equal(mac, AddressOfBridge());
    }

    [BridgeFact]
    public void Missing_bridge_is_a_typed_error_that_names_those_there_are()
    {
        MakeBridge();

        MicroVmException missing = Assert.Throws<MicroVmException>(() => BridgePort.Open(Place.Network, "br9", Good, null));
        MicroVmException other = Assert.Throws<MicroVmException>(() => BridgePort.Open(Place.Network, "lo", Good, null));

        Assert.Equal((ErrorIds.BridgeNotFound, ErrorKind.NotFound), (missing.ErrorId, missing.Kind));
        Assert.Contains("br0", missing.RecommendedAction, StringComparison.Ordinal);
        Assert.Equal((ErrorIds.BridgeNotFound, ErrorKind.InvalidArgument), (other.ErrorId, other.Kind));
        Assert.DoesNotContain(BridgePort.LinkPrefix, Place.Run("ip", "link"), StringComparison.Ordinal);
    }

    [Fact]
    public void Random_hardware_addresses_are_given_out_locally_and_differ()
    {
        string[] addresses = [.. Enumerable.Range(0, 1000).Select(_ => BridgePort.NewMacAddress())];

        Assert.All(addresses, address => Assert.Equal(2, PhysicalAddress.Parse(address).GetAddressBytes()[0] & 3));
        Assert.Equal(addresses.Length, addresses.Distinct().Count());
    }

    private string AddressOfBridge() => Place.Run("ip", "-o", "link", "show", "br0").Split("link/ether ")[1];

    private void MakeBridge()
    {
        Place.Run("ip", "link", "add", "br0", "type", "bridge");
        // As with an uplink: a bridge takes the lowest address of its ports.
        Place.Run("ip", "tuntap", "add", "dev", "uplink", "mode", "tap");
        Place.Run("ip", "link", "set", "uplink", "address", "f2:cc:00:00:00:01", "master", "br0", "up");
        Place.Run("ip", "link", "set", "br0", "up");
    }

    private static void WaitUntilForwarded(NetworkBackend from, NetworkBackend to, string mac = Good) =>
        Assert.True(SpinWait.SpinUntil(
            () =>
            {
                Send(from, Arp(mac, mac, s_address));
                return Polling.WaitAny(TimeSpan.FromMilliseconds(100), CancellationToken.None, to.Handle) == 0 && IsOurs(Take(to), mac);
            },
            Limits.Generous));

    // What of these comes before a last one that is known to come.
    private static List<byte[]> Arriving(NetworkBackend from, NetworkBackend to, string mac, params byte[][] frames)
    {
        byte[] last = Arp(mac, mac, s_address);
        last[^1] = 0xEE;
        Array.ForEach([.. frames, last], frame => Send(from, frame));
        List<byte[]> arrived = [];
        while (true)
        {
            Assert.Equal(0, Polling.WaitAny(Limits.Generous, CancellationToken.None, to.Handle));
            byte[] frame = Take(to);
            if (frame.AsSpan().SequenceEqual(last))
            {
                return arrived;
            }

            if (frames.Any(sent => frame.AsSpan().SequenceEqual(sent)))
            {
                arrived.Add(frame);
            }
        }
    }

    private static void Send(NetworkBackend port, byte[] frame) => Descriptors.Write(port.Handle, [.. new byte[VnetHeaderBytes], .. frame]);

    private static byte[] Take(NetworkBackend port)
    {
        byte[] buffer = new byte[70_000];
        return buffer[VnetHeaderBytes..Descriptors.Read(port.Handle, buffer)];
    }

    private static bool IsOurs(byte[] frame, string mac) => frame.AsSpan(6, 6).SequenceEqual(Bytes(mac));

    private static byte[] Bytes(string mac) => PhysicalAddress.Parse(mac).GetAddressBytes();

    private static byte[] Frame(string from, ushort type, params byte[] payload) => [0xff, 0xff, 0xff, 0xff, 0xff, 0xff, .. Bytes(from), (byte)(type >> 8), (byte)type, .. payload];

    private static byte[] Arp(string from, string sender, IPAddress address) =>
        Frame(from, 0x0806, [0, 1, 8, 0, 6, 4, 0, 1, .. Bytes(sender), .. address.GetAddressBytes(), 0, 0, 0, 0, 0, 0, 192, 0, 2, 99]);

    private static byte[] Udp(string from, IPAddress address, ushort port)
    {
        byte[] header = [0x45, 0, 0, 32, 0, 0, 0, 0, 64, 17, 0, 0, .. address.GetAddressBytes(), 255, 255, 255, 255];
        uint sum = 0;
        for (int at = 0; at < header.Length; at += 2)
        {
            sum += BinaryPrimitives.ReadUInt16BigEndian(header.AsSpan(at));
        }

        BinaryPrimitives.WriteUInt16BigEndian(header.AsSpan(10), (ushort)~((sum & 0xffff) + (sum >> 16)));
        return Frame(from, 0x0800, [.. header, (byte)(port >> 8), (byte)port, 0, 68, 0, 12, 0, 0, 1, 2, 3, 4]);
    }

    private static byte[] RouterAdvertisement(string from) =>
        Frame(from, 0x86DD, [0x60, 0, 0, 0, 0, 16, 58, 255, 0xfe, 0x80, .. new byte[13], 1, 0xff, 2, .. new byte[13], 1, 134, 0, .. new byte[14]]);

    private static byte[] Tagged(string from) => Frame(from, 0x8100, [0, 5, 8, 6, .. new byte[28]]);
}
