using System.Net;
using System.Net.Sockets;
using System.Runtime.ExceptionServices;
using System.Runtime.InteropServices;
using System.Text;
using Microsoft.Win32.SafeHandles;
using MicroVm.Engine.Native;
using MicroVm.Engine.Vmm;

namespace MicroVm.Engine.Tests.Support;

/// <summary>
/// A network namespace of the test's own with a TAP device for a guest in it, and the host's side of that. What is asked for is done on a thread that is in the namespace;
/// that goes with this object and with the last VMM that has the device.
/// </summary>
internal sealed class GuestTap : IDisposable
{
    public const string MacAddress = "02:fc:00:00:00:06";

    private const int TapWithVnetHeader = 0x0002 | 0x1000 | 0x4000;
    private const uint SetInterface = 0x400454CA;

    private readonly Scratch _scratch = new();

    /// <summary>Makes one whose host side has these addresses, such as "169.254.0.22/30".</summary>
    public GuestTap(params string[] addresses)
    {
        Tap = Within(() =>
        {
            Namespaces.Unshare(Namespaces.Network);
            Namespace = File.OpenHandle("/proc/thread-self/ns/net");
            SafeFileHandle tap = File.OpenHandle("/dev/net/tun", FileMode.Open, FileAccess.ReadWrite, FileShare.ReadWrite);
            byte[] request = new byte[40];
            Encoding.ASCII.GetBytes("tap0", request);
            BitConverter.TryWriteBytes(request.AsSpan(16), (short)TapWithVnetHeader);
            Assert.Equal(0, Ioctl(tap, SetInterface, request));
            return tap;
        });
        Run("ip", "link", "set", "lo", "up");
        Run("ip", "link", "set", "tap0", "address", MacAddress);
        foreach (string address in addresses)
        {
            Run("ip", "address", "add", address, "dev", "tap0", "nodad");
        }

        Run("ip", "link", "set", "tap0", "up");
    }

    /// <summary>The device.</summary>
    public SafeFileHandle Tap { get; }

    private SafeFileHandle? Namespace { get; set; }

    /// <summary>The device as a guest's interface.</summary>
    public VmmInterface Interface(string macAddress) => new(Tap, VmmInterfaceKind.Tap, macAddress);

    /// <summary>Runs a program to its end; fails when it does.</summary>
    /// <returns>What it wrote.</returns>
    public string Run(params string[] command)
    {
        (int? code, string output) = TryRun(command);
        Assert.True(code == 0, $"{string.Join(' ', command)}: {output}");
        return output;
    }

    /// <summary>Runs a program to its end.</summary>
    public (int? ExitCode, string Output) TryRun(params string[] command)
    {
        string file = _scratch.File(Guid.NewGuid().ToString("N"));
        using TestProcess process = Within(() => TestProcess.Start(file, command));
        process.WaitForEnd();
        return (process.Reap()?.Code, File.ReadAllText(file));
    }

    /// <summary>Whether the guest answers one of three pings, a second each.</summary>
    public bool Pings(string address)
    {
        IPEndPoint guest = new(IPAddress.Parse(address), 0);
        bool six = guest.AddressFamily == AddressFamily.InterNetworkV6;
        using Socket socket = Within(() => new Socket(guest.AddressFamily, SocketType.Raw, six ? ProtocolType.IcmpV6 : ProtocolType.Icmp));
        socket.ReceiveTimeout = 1000;
        byte[] answer = new byte[256];
        for (byte sequence = 1; sequence <= 3; sequence++)
        {
            // Echo request, identifier 0x4D56. The sum is IPv4's; the kernel makes that of IPv6.
            byte[] request = [six ? (byte)128 : (byte)8, 0, 0, 0, 0x4D, 0x56, 0, sequence];
            int sum = ~(0x0800 + 0x4D56 + sequence);
            request[2] = six ? (byte)0 : (byte)(sum >> 8);
            request[3] = six ? (byte)0 : (byte)sum;
            try
            {
                socket.SendTo(request, guest);
                // IPv4's header comes with it, and at ::/0 neighbours may be heard as well.
                for (int heard = 0; heard < 20; heard++)
                {
                    int length = socket.Receive(answer);
                    ReadOnlySpan<byte> message = answer.AsSpan(six ? 0 : 20, length - (six ? 0 : 20));
                    if (message[0] == (six ? 129 : 0) && message[4..8].SequenceEqual(request.AsSpan(4)))
                    {
                        return true;
                    }
                }
            }
            catch (SocketException)
            {
                // Nobody answered in time, or the neighbour is not known yet.
            }
        }

        return false;
    }

    /// <summary>All that a server says before it hangs up.</summary>
    public string Fetch(string address, int port)
    {
        using Socket socket = Within(() => new Socket(IPAddress.Parse(address).AddressFamily, SocketType.Stream, ProtocolType.Tcp));
        socket.ReceiveTimeout = socket.SendTimeout = (int)Limits.Generous.TotalMilliseconds;
        socket.Connect(IPAddress.Parse(address), port);
        StringBuilder text = new();
        byte[] buffer = new byte[4096];
        int read;
        while ((read = socket.Receive(buffer)) > 0)
        {
            text.Append(Encoding.UTF8.GetString(buffer, 0, read));
        }

        return text.ToString();
    }

    public void Dispose()
    {
        Tap.Dispose();
        Namespace?.Dispose();
        _scratch.Dispose();
    }

    // On a thread that ends: it is never seen in the namespace by others.
    private T Within<T>(Func<T> work)
    {
        T result = default!;
        Exception? failure = null;
        Thread thread = new(() =>
        {
            try
            {
                if (Namespace is { } entered)
                {
                    Assert.Equal(0, SetNamespace(entered, Namespaces.Network));
                }

                result = work();
            }
            catch (Exception exception)
            {
                failure = exception;
            }
        });
        thread.Start();
        thread.Join();
        if (failure is not null)
        {
            ExceptionDispatchInfo.Throw(failure);
        }

        return result;
    }

    [DllImport("libc", EntryPoint = "ioctl", SetLastError = true)]
    private static extern int Ioctl(SafeHandle file, nuint request, byte[] argument);

    [DllImport("libc", EntryPoint = "setns", SetLastError = true)]
    private static extern int SetNamespace(SafeHandle file, int kind);
}
