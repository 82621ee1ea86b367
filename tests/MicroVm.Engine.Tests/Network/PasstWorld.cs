using Microsoft.Win32.SafeHandles;
using System.Buffers.Binary;
using MicroVm.Engine.Native;
using MicroVm.Engine.Network;
using MicroVm.Engine.State;
using MicroVm.Engine.Tests.Support;

namespace MicroVm.Engine.Tests.Network;

/// <summary>
/// Three network namespaces: one that is the host's, one that is the world, and one whose kernel is the guest: a TAP device in it, the frames of which are handed
/// to passt and back as a VMM does.
/// </summary>
internal sealed class PasstWorld : IDisposable
{
    public const string HostAddress = "203.0.113.5";
    public const string WorldAddress = "203.0.113.1";
    public const string GuestAddress = "169.254.0.21";
    public const string Gateway = "169.254.0.22";
    public const string GuestMac = "02:fc:00:00:00:05";

    private const int VnetHeaderBytes = 10;
    private const int LongestFrame = 65536 + 64;

    private readonly List<Action> _ends = [];

    public PasstWorld(bool ipv6 = false)
    {
        Netns.Connect(Host, "out", World, "in");
        World.Ip("link", "set", "in", "up");
        World.Ip("address", "add", $"{WorldAddress}/24", "dev", "in");
        Host.Ip("link", "set", "out", "up");
        Host.Ip("address", "add", $"{HostAddress}/24", "dev", "out");
        Host.Ip("route", "add", "default", "via", WorldAddress);
        if (ipv6)
        {
            World.Ip("address", "add", "2001:db8::1/64", "dev", "in", "nodad");
            Host.Ip("address", "add", "2001:db8::5/64", "dev", "out", "nodad");
            Host.Ip("route", "add", "default", "via", "2001:db8::1");
        }
    }

    public Netns Host { get; } = new();

    public Netns World { get; } = new();

    public Netns Guest { get; } = new();

    /// <summary>The interface of every guest.</summary>
    public static MachineInterface Device { get; } = new()
    {
        Mode = NetworkMode.User,
        MacAddress = GuestMac,
        Address = $"{GuestAddress}/30",
        Gateway = Gateway,
        AddressV6 = "fd6d:6963:766d::15/64",
        GatewayV6 = "fd6d:6963:766d::16",
        NameServers = ["169.254.0.53"],
    };

    /// <summary>Starts passt on the host.</summary>
    public NetworkBackend Start(params PublishedPort[] ports) => Host.Within(() => Passt.Start(Device, ports, 1500, program: null, CancellationToken.None));

    /// <summary>Connects the guest; returns what makes its VMM die.</summary>
    public Action Attach(NetworkBackend backend)
    {
        Guest.Ip("tuntap", "add", "dev", "eth0", "mode", "tap");
        NetworkBackend tap = TapPort.Open(Guest.Name, "eth0");
        Guest.Ip("link", "set", "eth0", "address", GuestMac, "up");
        Guest.Ip("address", "add", Device.Address!, "dev", "eth0");
        Guest.Ip("address", "add", Device.AddressV6!, "dev", "eth0", "nodad");
        Guest.Ip("route", "add", "default", "via", Device.Gateway!);
        Guest.Ip("route", "add", "default", "via", Device.GatewayV6!);
        CancellationTokenSource end = new();
        SafeFileHandle stream = new(Descriptors.DuplicateAbove(backend.Handle, 3), ownsHandle: true);
        Thread[] pumps = [new(() => Pump(tap.Handle, stream, ToStream, end.Token)), new(() => Pump(stream, tap.Handle, ToTap, end.Token))];
        Array.ForEach(pumps, pump => pump.Start());
        bool ended = false;
        void End()
        {
            if (!ended)
            {
                ended = true;
                end.Cancel();
                Array.ForEach(pumps, pump => pump.Join());
                stream.Dispose();
                tap.Dispose();
            }
        }

        _ends.Add(End);
        return End;
    }

    public void Dispose()
    {
        _ends.ForEach(end => end());
        Guest.Dispose();
        World.Dispose();
        Host.Dispose();
    }

    private static void Pump(SafeFileHandle from, SafeFileHandle to, Func<SafeFileHandle, byte[], SafeFileHandle, bool> one, CancellationToken end)
    {
        byte[] buffer = new byte[LongestFrame + VnetHeaderBytes];
        try
        {
            while (Polling.WaitAny(Timeout.InfiniteTimeSpan, end, from) == 0 && one(from, buffer, to))
            {
            }
        }
        catch (Exception exception) when (exception is OperationCanceledException or IOException)
        {
            // The test is over, or passt is gone.
        }
    }

    private static bool ToStream(SafeFileHandle tap, byte[] buffer, SafeFileHandle stream)
    {
        // The length stands where the header of virtio ends.
        int read = Descriptors.Read(tap, buffer);
        BinaryPrimitives.WriteInt32BigEndian(buffer.AsSpan(VnetHeaderBytes - 4), read - VnetHeaderBytes);
        Descriptors.Write(stream, buffer.AsSpan(VnetHeaderBytes - 4, read - VnetHeaderBytes + 4));
        return true;
    }

    private static bool ToTap(SafeFileHandle stream, byte[] buffer, SafeFileHandle tap)
    {
        byte[] length = new byte[4];
        if (!Fill(stream, length))
        {
            return false;
        }

        int bytes = BinaryPrimitives.ReadInt32BigEndian(length);
        if (!Fill(stream, buffer.AsSpan(VnetHeaderBytes, bytes)))
        {
            return false;
        }

        buffer.AsSpan(0, VnetHeaderBytes).Clear();
        Descriptors.Write(tap, buffer.AsSpan(0, bytes + VnetHeaderBytes));
        return true;
    }

    private static bool Fill(SafeFileHandle stream, Span<byte> bytes)
    {
        while (bytes.Length > 0)
        {
            int read = Descriptors.Read(stream, bytes);
            if (read == 0)
            {
                return false;
            }

            bytes = bytes[read..];
        }

        return true;
    }
}
